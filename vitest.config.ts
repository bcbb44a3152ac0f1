import { defineConfig } from 'vitest/config';

/** These take as long as all others together. `npm run test:all` includes them. */
const SLOW = [
  'test/bench/{attack,workers}.test.ts',
  'test/bounds/{heap-after-close,heap-after-requests,replayed-workloads}.test.ts',
  'test/compat/{node-tests,programs,run}.test.ts',
  'test/dashboards/end-to-end.test.ts',
  'test/examples/incidents.test.ts',
  'test/live/kernel.test.ts',
  'test/package/{otel,testing}.test.ts',
  'test/release/dry-run.test.ts',
  'test/replay/{replay,two-days}.test.ts',
  'test/soak/soak.test.ts',
];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: process.env['CONNMETER_ALL_TESTS'] ? [] : SLOW,
    globalSetup: ['test/support/build.ts'],
    // Diagnostics channels are the process's: each file has a process of its own, or files would see each other's sockets.
    pool: 'forks',
    // Most tests wait for sockets, not for the processor.
    maxWorkers: 3,
    // A landing is not held up by one race on a busy machine; the report still names the test. On a desk, nothing is run twice.
    retry: process.env['CI'] ? 2 : 0,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      // Types alone; what runs in processes of its own only, where test/live/register.test.ts looks at it from outside; and what
      // runs in a browser, for test/page.
      exclude: [
        'src/explain/overview.ts',
        'src/index.ts',
        'src/page/*.ts',
        'src/metrics/recorder.ts',
        'src/register.ts',
        'src/register/push.ts',
        'src/register/threads/{reporting,worker-data}.ts',
        'src/start*.ts',
      ],
      reporter: ['text', 'json-summary'],
      reportOnFailure: true,
      // Of the whole suite. Why no higher and no lower: CONTRIBUTING.md.
      thresholds: { lines: 98, statements: 98, functions: 97, branches: 94 },
    },
  },
});
