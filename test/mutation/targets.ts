const ATTRIBUTION = ['test/client/attribution', 'test/client/accounting.test.ts', 'test/client/connections.test.ts'];
const REPLAYED = [...ATTRIBUTION, 'test/client/sources'];

/** The files that are mutated, and the tests that have to notice. None of these tests opens a socket. */
export const TARGETS: Readonly<Record<string, readonly string[]>> = {
  'src/client/attribution/open-cause.ts': ATTRIBUTION,
  'src/client/attribution/pool.ts': ATTRIBUTION,
  'src/client/attribution/pools.ts': ATTRIBUTION,
  'src/client/attribution/origin-pools.ts': ATTRIBUTION,
  'src/client/attribution/losses.ts': ATTRIBUTION,
  'src/client/attribution/idle-count.ts': ATTRIBUTION,
  'src/client/attribution/first.ts': ATTRIBUTION,
  'src/client/attribution/close-reason.ts': REPLAYED,
  'src/client/connection-states.ts': REPLAYED,
};
