/** The files that are mutated: why a connection was opened, why it closed, and who left a body unread. */
export const FILES: readonly string[] = [
  'src/client/attribution/open-cause.ts',
  'src/client/attribution/pool.ts',
  'src/client/attribution/pools.ts',
  'src/client/attribution/pool-identity.ts',
  'src/client/attribution/origin-pools.ts',
  'src/client/attribution/losses.ts',
  'src/client/attribution/idle-count.ts',
  'src/client/attribution/waiting-attempts.ts',
  'src/client/attribution/first.ts',
  'src/client/attribution/close-reason.ts',
  'src/client/connection-states.ts',
  'src/client/unread-bodies.ts',
  'src/client/timeouts.ts',
];

/** The tests that have to notice. They import `src`, and none opens a socket. */
export const TESTS: readonly string[] = ['test/client', 'test/core'];
