/** Why a connection was opened. A closed list: the first one that applies is reported. See `docs/causes.md`. */
export const OPEN_CAUSES = [
  'first',
  'new_pool',
  'replaced',
  'release_race',
  'body_held',
  'pool_busy',
  'unknown',
] as const;

export type OpenCause = (typeof OPEN_CAUSES)[number];
