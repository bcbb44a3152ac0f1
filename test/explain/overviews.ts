import type { OriginOverview, Overview } from '../../src/explain/overview.ts';

/** An origin without events, with these changes. */
export function origin(changes: Partial<OriginOverview> = {}): OriginOverview {
  return {
    address: 'a.test',
    port: 443,
    http: true,
    opened: [],
    closed: [],
    failed: [],
    requests: { fresh: 0, reused: 0 },
    now: { active: 0, idle: 0, opening: 0, held: 0 },
    waiting: 0,
    setup: 0,
    wasted: 0,
    ...changes,
  };
}

export function overview(origins: readonly OriginOverview[], changes: Partial<Overview> = {}): Overview {
  return {
    version: 1,
    at: 0,
    processes: 1,
    threads: 1,
    origins,
    findings: [],
    live: [],
    closed: [],
    callSites: [],
    advice: [],
    ...changes,
  };
}
