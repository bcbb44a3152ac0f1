import { execFile } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

export const ROOT = join(import.meta.dirname, '../..');
export const run = promisify(execFile);

/** Exit code and output of a command. */
export async function said(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env, cwd = ROOT) {
  const PATH = [join(ROOT, 'node_modules/.bin'), dirname(process.execPath), env['PATH']].join(delimiter);
  const { code, stdout, stderr } = await run(command, args, { cwd, env: { ...env, PATH } }).then(
    outcome => ({ code: 0, ...outcome }),
    error => error as { code: number; stdout: string; stderr: string },
  );
  return { code, text: stdout + stderr };
}
