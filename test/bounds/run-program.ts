import { fileURLToPath } from 'node:url';
import { certificate } from '../support/certificates.ts';
import { start } from '../support/child.ts';
import { server } from '../support/server.ts';

/** Runs a program of `programs/` with --expose-gc, and returns what it prints. */
export async function runProgram<Result>(
  program: string,
  task: object | string,
  node: readonly string[] = [],
): Promise<Result> {
  const path = fileURLToPath(new URL(`./programs/${program}`, import.meta.url));
  const { outcome } = start(path, { args: [JSON.stringify(task)], node: ['--expose-gc', ...node] });
  const { code, stdout, stderr } = await outcome;
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Result;
}

/** Starts servers that never close an idle connection. Returns their ports and certificate. */
export async function startServers(): Promise<Readonly<Record<'http' | 'https' | 'http2', number>> & { ca: string }> {
  const own = await certificate();
  const [http, https, http2] = await Promise.all([
    server({ kind: 'http', keepAliveTimeout: 600_000 }),
    server({ kind: 'https', certificate: own, keepAliveTimeout: 600_000 }),
    server({ kind: 'http2', certificate: own, keepAliveTimeout: 600_000 }),
  ]);
  return { http: http.port, https: https.port, http2: http2.port, ca: own.cert };
}
