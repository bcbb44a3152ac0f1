// Runs `node -e 0` with each set of arguments while the resolver does not answer, and counts the DNS queries.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

export interface SilentResolverTask {
  readonly folder: string;
  readonly runs: readonly (readonly string[])[];
}

/** The result of one run. */
export interface ResolverRun {
  readonly questions: number;
  readonly code: number | null;
  readonly seconds: number;
}

export interface SilentResolverReport {
  readonly silences: readonly ResolverRun[];
}

const { folder, runs } = JSON.parse(process.argv[2] ?? '') as SilentResolverTask;
let questions = 0;
const resolver = createSocket('udp4', () => questions++).bind(53, '127.0.0.1');
await once(resolver, 'listening');

const silences: ResolverRun[] = [];
for (const args of runs) {
  questions = 0;
  const began = performance.now();
  const child = spawn(process.execPath, [...args, '-e', '0'], { cwd: folder, env: {}, stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  silences.push({ questions, code, seconds: (performance.now() - began) / 1000 });
}
resolver.close();

console.log(JSON.stringify({ silences }));
