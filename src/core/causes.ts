/** Why a connection was opened. A closed list: the first cause that applies is reported. `docs/causes.md` explains each. */
export const OPEN_CAUSES = [
  'first',
  'new_pool',
  'release_race',
  'replaced',
  'body_held',
  'pool_busy',
  'unknown',
] as const;

export type OpenCause = (typeof OPEN_CAUSES)[number];
