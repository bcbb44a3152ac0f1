import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Diagnostics channels are the process's: each file has a process of its own, or files would see each other's sockets.
    pool: 'forks',
    // Most tests wait for sockets, not for the processor.
    maxWorkers: 3,
    // A landing is not held up by one race on a busy machine; the report still names the test. On a desk, nothing is run twice.
    retry: process.env['CI'] ? 1 : 0,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
