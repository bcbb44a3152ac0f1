import { originText } from '../core/origins.ts';
import { findingsOf } from './findings.ts';
import { type OriginOverview, OVERVIEW_VERSION, type Overview } from './overview.ts';

/** One overview of several processes that do not share their numbers. */
export function merged(overviews: readonly Overview[]): Overview {
  const origins = mergedOrigins(overviews.flatMap(each => each.origins));
  const callSites = overviews.flatMap(each => each.callSites);
  return {
    version: OVERVIEW_VERSION,
    at: Math.max(0, ...overviews.map(({ at }) => at)),
    processes: overviews.reduce((sum, { processes }) => sum + processes, 0),
    threads: overviews.reduce((sum, { threads }) => sum + threads, 0),
    origins,
    findings: findingsOf({ origins, callSites }),
    live: overviews.flatMap(({ live }) => live),
    closed: overviews.flatMap(({ closed }) => closed),
    callSites,
    advice: overviews.flatMap(({ advice }) => advice),
  };
}

function mergedOrigins(all: readonly OriginOverview[]): OriginOverview[] {
  const origins = new Map<string, OriginOverview>();
  for (const origin of all) {
    const key = `${originText(origin)} ${origin.http}`;
    const known = origins.get(key);
    origins.set(key, known === undefined ? origin : together(known, origin));
  }
  return [...origins.values()];
}

function together(a: OriginOverview, b: OriginOverview): OriginOverview {
  const [connectionsOfA, connectionsOfB] = [totalOf(a.opened), totalOf(b.opened)];
  const connections = connectionsOfA + connectionsOfB;
  return {
    ...a,
    opened: added(a.opened, b.opened),
    closed: added(a.closed, b.closed),
    failed: added(a.failed, b.failed),
    requests: { fresh: a.requests.fresh + b.requests.fresh, reused: a.requests.reused + b.requests.reused },
    now: {
      active: a.now.active + b.now.active,
      idle: a.now.idle + b.now.idle,
      opening: a.now.opening + b.now.opening,
      held: a.now.held + b.now.held,
    },
    waiting: a.waiting + b.waiting,
    setup: connections === 0 ? 0 : (a.setup * connectionsOfA + b.setup * connectionsOfB) / connections,
    wasted: a.wasted + b.wasted,
  };
}

interface Counted {
  readonly count: number;
}

/** Entries that differ only in their count become one. */
function added<Entry extends Counted>(a: readonly Entry[], b: readonly Entry[]): Entry[] {
  const entries = new Map<string, Entry>();
  for (const entry of [...a, ...b]) {
    const key = JSON.stringify({ ...entry, count: 0 });
    entries.set(key, { ...entry, count: entry.count + (entries.get(key)?.count ?? 0) });
  }
  return [...entries.values()];
}

export function totalOf(entries: readonly Counted[]): number {
  return entries.reduce((sum, { count }) => sum + count, 0);
}
