import type { CallSite, Problem } from '../client/attribution/call-sites.ts';
import { originText } from '../core/origins.ts';
import { explanationOf, type FindingKind } from './explanations.ts';
import type { Finding, OriginOverview, Overview } from './overview.ts';

/** With fewer connections of one kind than this, it may be chance. */
const MIN_COUNT = 3;
/** A kind is worth a finding if it has at least this share of the requests. */
const MIN_SHARE = 0.1;
const MAX_SITES = 3;

/** Connections that are opened for these reasons are not wasted. */
const HARMLESS: ReadonlySet<FindingKind> = new Set(['first', 'release_race', 'upgraded', 'unknown']);

/** The problems of lines of the program that belong to a finding, if they have other names. */
const PROBLEMS: Readonly<Partial<Record<FindingKind, readonly Problem[]>>> = {
  body_held: ['body_held', 'pool_held'],
  body_unread: ['body_unread', 'body_held'],
  body_cancelled: ['body_cancelled', 'body_held'],
};

/** What wastes connections, ordered by the seconds that it has wasted. */
export function findingsOf({ origins, callSites }: Pick<Overview, 'origins' | 'callSites'>): Finding[] {
  return origins
    .flatMap(origin => findingsOfOrigin(origin, sitesOf(origin, callSites)))
    .sort((a, b) => b.seconds - a.seconds || b.count - a.count);
}

interface Amount {
  readonly kind: FindingKind;
  readonly count: number;
}

function findingsOfOrigin(origin: OriginOverview, sites: readonly CallSite[]): Finding[] {
  const { address, port, requests, setup } = origin;
  const opened = total(origin.opened);
  const all = requests.fresh + requests.reused;
  const finding = ({ kind, count }: Amount, of: number): Finding => {
    const problems: readonly string[] = PROBLEMS[kind] ?? [kind];
    const lines = new Set(sites.filter(({ problem }) => problems.includes(problem)).map(({ site }) => site));
    const { what, fix, link } = explanationOf(kind);
    const sentence = `${count} of ${of} connections to ${originText(origin)} ${what}.`;
    return {
      kind,
      address,
      port,
      count,
      of,
      seconds: count * setup,
      sites: [...lines].slice(0, MAX_SITES),
      what: sentence,
      fix,
      link,
    };
  };
  const wasted = amounts(origin)
    .filter(({ kind, count }) => !HARMLESS.has(kind) && isWorthIt(count, Math.max(all, opened)))
    .filter(({ kind }) => kind !== 'pool_busy' || isStampede(origin));
  const tried = opened + total(origin.failed);
  const failed = sums(origin.failed.map(({ phase, count }) => ({ kind: `failed_${phase}` as const, count })));
  return [
    ...wasted.map(each => finding(each, Math.max(opened, each.count))),
    ...failed.filter(({ count }) => isWorthIt(count, tried)).map(each => finding(each, tried)),
  ];
}

/** Connections by kind. Those that are held now count as wasted, even if no other one was opened in their place. */
function amounts({ opened, now }: OriginOverview): Amount[] {
  const kinds = sums(opened.map(({ cause, reason, count }) => ({ kind: kindOf(cause, reason), count })));
  const held = kinds.find(({ kind }) => kind === 'body_held');
  if (now.held <= (held?.count ?? 0)) return kinds;
  return [...kinds.filter(each => each !== held), { kind: 'body_held', count: now.held }];
}

export function kindOf(cause: OriginOverview['opened'][number]['cause'], reason: string | undefined): FindingKind {
  return cause === 'replaced' ? ((reason ?? 'unknown') as FindingKind) : cause;
}

function isWorthIt(count: number, of: number): boolean {
  return count >= MIN_COUNT && count >= of * MIN_SHARE;
}

/** Connections that were needed at the same time are wasted if most of them carry a request only. */
function isStampede({ opened, requests }: OriginOverview): boolean {
  return requests.reused < total(opened) * 0.5;
}

function sitesOf({ address, port }: OriginOverview, callSites: readonly CallSite[]): CallSite[] {
  return callSites.filter(site => site.address === address && site.port === port).sort((a, b) => b.count - a.count);
}

function sums(all: readonly Amount[]): Amount[] {
  const counts = new Map<FindingKind, number>();
  for (const { kind, count } of all) counts.set(kind, (counts.get(kind) ?? 0) + count);
  return Array.from(counts, ([kind, count]) => ({ kind, count }));
}

function total(all: readonly { readonly count: number }[]): number {
  return all.reduce((sum, { count }) => sum + count, 0);
}
