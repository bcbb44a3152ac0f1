import { spawnSync } from 'node:child_process';

/** The programs that are started, by what Node gets before them. */
export const STARTED = ['nothing', 'disabled', 'register', 'thread', 'registerThread'] as const;
export type Started = (typeof STARTED)[number];

/** What one process, or one worker thread of it, has cost until the program runs. */
export interface StartUpResult {
  /** CPU time in milliseconds. */
  readonly cpu: number;
  /** Resident memory in MiB. */
  readonly resident: number;
}

const PROGRAM = `${import.meta.dirname}/start-up-program.mjs`;
const REGISTER = new URL('../dist/register.js', import.meta.url).href;
/** Enough that one page more or less of memory does not count. */
const THREADS = 8;

/** Starts a fresh process. */
export function startUp({ started }: { readonly started: Started }): StartUpResult {
  const isMeasured = started !== 'nothing' && started !== 'thread';
  const threads = started === 'thread' || started === 'registerThread' ? THREADS : 0;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [...(isMeasured ? ['--import', REGISTER] : []), PROGRAM, String(threads)],
    {
      encoding: 'utf8',
      env: { OTEL_EXPORTER_PROMETHEUS_PORT: '0', OTEL_SDK_DISABLED: String(started === 'disabled') },
    },
  );
  if (status !== 0 || stderr !== '') throw new Error(`${started} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout) as StartUpResult;
}
