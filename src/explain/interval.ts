import { originText } from '../core/origins.ts';
import { explanationOf, type FindingKind } from './explanations.ts';
import { kindOf } from './findings.ts';
import { totalOf } from './merge.ts';
import type { OriginOverview, Overview } from './overview.ts';

/** What happened to the connections to one server in the last seconds. Rates are per second. */
export interface OriginInterval {
  readonly origin: OriginOverview;
  readonly name: string;
  readonly opened: number;
  readonly requests: number;
  readonly failed: number;
  /** The share of requests on reused connections. Undefined without requests. */
  readonly reuse: number | undefined;
  /** In a few words. */
  readonly verdict: string;
  readonly state: 'wasteful' | 'failing' | 'good' | 'idle';
}

/** With a smaller share of reused requests, connections are wasted. */
const GOOD_REUSE = 0.9;

/** The servers, the worst first. `before`: undefined to look at everything since the start, in so many seconds. */
export function intervalsOf(before: Overview | undefined, after: Overview, seconds: number): OriginInterval[] {
  const earlier = new Map(before?.origins.map(origin => [keyOf(origin), origin]));
  return after.origins
    .map(origin => intervalOf(earlier.get(keyOf(origin)), origin, seconds))
    .sort((a, b) => rankOf(b) - rankOf(a) || b.opened + b.failed - (a.opened + a.failed) || b.requests - a.requests);
}

function intervalOf(earlier: OriginOverview | undefined, origin: OriginOverview, seconds: number): OriginInterval {
  const now = totalsOf(origin);
  const then = earlier && totalsOf(earlier);
  const hasRestarted = then?.some((total, index) => total > (now[index] as number)) === true;
  const before = hasRestarted ? undefined : earlier;
  const [fresh, reused, opened, failed] = now.map(
    (total, index) => total - (before && then ? (then[index] as number) : 0),
  ) as Totals;
  const requests = fresh + reused;
  const reuse = requests === 0 ? undefined : reused / requests;
  const held = origin.now.held > 0;
  const isWasteful = origin.http ? held || (reuse !== undefined && reuse < GOOD_REUSE && opened > 1) : opened > 5;
  const state = failed > 0 ? 'failing' : isWasteful ? 'wasteful' : opened + requests > 0 ? 'good' : 'idle';
  return {
    origin,
    name: originText(origin),
    opened: opened / seconds,
    requests: requests / seconds,
    failed: failed / seconds,
    reuse,
    state,
    verdict: verdictOf(state, before, origin),
  };
}

type Totals = [fresh: number, reused: number, opened: number, failed: number];

function totalsOf({ requests: { fresh, reused }, opened, failed }: OriginOverview): Totals {
  return [fresh, reused, totalOf(opened), totalOf(failed)];
}

function verdictOf(state: OriginInterval['state'], before: OriginOverview | undefined, origin: OriginOverview): string {
  if (state === 'good') return 'good';
  if (state === 'idle') return 'idle';
  if (state === 'failing') {
    const [worst] = grown(origin.failed, before?.failed, ({ phase, errorType }) => `${phase} fails: ${errorType}`);
    return worst?.[0] ?? 'fails';
  }
  const kinds = grown(origin.opened, before?.opened, ({ cause, reason }) => kindOf(cause, reason)).filter(
    ([kind]) => kind !== 'first',
  );
  const kind: FindingKind = origin.now.held > 0 ? 'body_held' : ((kinds[0]?.[0] ?? 'first') as FindingKind);
  return explanationOf(kind).short;
}

/** By how much each entry has grown, the most first. */
function grown<Entry extends { readonly count: number }>(
  now: readonly Entry[],
  before: readonly Entry[] | undefined,
  nameOfEntry: (entry: Entry) => string,
): [string, number][] {
  const growth = new Map<string, number>();
  for (const entry of now) growth.set(nameOfEntry(entry), (growth.get(nameOfEntry(entry)) ?? 0) + entry.count);
  for (const entry of before ?? []) growth.set(nameOfEntry(entry), (growth.get(nameOfEntry(entry)) ?? 0) - entry.count);
  return [...growth].filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a);
}

const RANKS = { failing: 3, wasteful: 2, good: 1, idle: 0 } as const;

function rankOf({ state }: OriginInterval): number {
  return RANKS[state];
}

function keyOf(origin: OriginOverview): string {
  return `${originText(origin)} ${origin.http}`;
}
