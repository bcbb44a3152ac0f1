import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Diagnostics channels are the process's: each file has a process of its own, or files would see each other's sockets.
    pool: 'forks',
    // Most tests wait for sockets, not for the processor.
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
