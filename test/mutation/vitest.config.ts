import { defineConfig } from 'vitest/config';

/** For a copy of the project that holds a mutant. The tests import `src`, so nothing is built; none opens a socket. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'threads',
    isolate: false,
    maxWorkers: 1,
    bail: 1,
    testTimeout: 20_000,
    reporters: ['dot'],
  },
});
