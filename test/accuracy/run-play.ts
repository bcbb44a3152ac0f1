import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Which } from './goals.ts';
import type { PlayOptions, PlayResult } from './play.ts';

const ROOT = join(import.meta.dirname, '../..');
const TIMEOUT = 120_000;

/** Runs one play in its own process, with the built connmeter. Never rejects: a failure is a result with a problem. */
export function runPlay(which: Which, mark: PlayOptions['mark']): Promise<PlayResult> {
  const { scenario, client, parallel, internals } = which;
  const options: PlayOptions = { scenario, client, parallel, mark };
  const child = fork(join(import.meta.dirname, 'play.ts'), [JSON.stringify(options)], {
    cwd: ROOT,
    execArgv: [
      '--disable-warning=ExperimentalWarning',
      '--import',
      join(import.meta.dirname, 'log.ts'),
      '--import',
      'connmeter/register',
    ],
    env: {
      // Nothing is inherited, so that no variable of the machine changes a play.
      OTEL_EXPORTER_PROMETHEUS_PORT: '0',
      CONNMETER_READ_UNDICI_INTERNALS: String(internals === 'on'),
    },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    timeout: TIMEOUT,
  });
  let errors = '';
  child.stderr?.on('data', chunk => {
    errors += chunk;
  });
  return new Promise(resolve => {
    let result: PlayResult | undefined;
    child.on('message', message => {
      result = message as PlayResult;
    });
    child.on('exit', (code, signal) => {
      resolve(result ?? { pairs: [], problems: [`ended with ${signal ?? code}: ${errors.trim().slice(-500)}`] });
    });
  });
}
