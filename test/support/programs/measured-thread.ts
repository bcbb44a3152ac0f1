// measured-thread.ts <module>: the main thread starts a thread that loads the module, and does not load it itself.
import { isMainThread, Worker } from 'node:worker_threads';

if (isMainThread) new Worker(new URL(import.meta.url), { execArgv: ['--import', process.argv[2] as string] });
