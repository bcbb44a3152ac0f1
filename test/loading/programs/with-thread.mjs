import { Worker } from 'node:worker_threads';

new Worker(new URL('./thread.mjs', import.meta.url));
