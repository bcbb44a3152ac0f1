import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Diagnostics channels are the process's: each file has a process of its own, or files would see each other's sockets.
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
