import { explanationOf } from '../explain/explanations.ts';
import type { WatchedLine, WatchedOrigin } from './changes.ts';
import type { CheckedLimits } from './limits.ts';

/** How many causes and lines a message names at most. */
const MAX_CAUSES = 3;
const MAX_SITES = 3;

interface Found {
  readonly kind: WatchedLine['kind'];
  readonly count: number;
}

/** What was more than allowed: a few lines for each limit and server. Empty if all is well. */
export function wasteOf(origins: readonly WatchedOrigin[], limits: CheckedLimits): string {
  return origins
    .flatMap(origin => [openedTooMany(origin, limits), heldTooMany(origin, limits), failedTooMany(origin, limits)])
    .filter(text => text !== '')
    .join('\n');
}

function openedTooMany(origin: WatchedOrigin, { opened: limit }: CheckedLimits): string {
  const { name, opened, requests } = origin;
  const count = sumOf(opened);
  if (count <= limit) return '';

  const sent = requests.fresh + requests.reused;
  const found = opened.map(({ cause, reason, count }) => ({ kind: reason ?? cause, count }));
  // One first connection is no waste, unless there is nothing else.
  const causes = found.length > 1 ? found.filter(({ kind }) => kind !== 'first') : found;
  const head = `${name}: opened ${number(count, 'connection')} for ${number(sent, 'request')}, ${allowed(limit)}`;
  return [head, ...explained(origin, causes)].join('\n');
}

function heldTooMany(origin: WatchedOrigin, { held: limit }: CheckedLimits): string {
  const { name, held } = origin;
  if (held <= limit) return '';

  const head = `${name}: left ${number(held, 'response')} unread, ${allowed(limit)}`;
  return [head, ...explained(origin, [{ kind: 'held', count: held }])].join('\n');
}

function failedTooMany(origin: WatchedOrigin, { failed: limit }: CheckedLimits): string {
  const { name, failed } = origin;
  const count = sumOf(failed);
  if (count <= limit) return '';

  const types = failed.map(({ phase, errorType }) => `${phase} ${errorType}`).join(', ');
  const phases = [...new Set(failed.map(({ phase }) => phase))];
  const found = phases.map(phase => ({
    kind: `failed_${phase}` as const,
    count: sumOf(failed.filter(each => each.phase === phase)),
  }));
  const head = `${name}: ${number(count, 'connection')} failed (${types}), ${allowed(limit)}`;
  return [head, ...explained(origin, found)].join('\n');
}

/** Two lines for each of the most frequent kinds. */
function explained({ callSites }: WatchedOrigin, found: readonly Found[]): string[] {
  const most = found.toSorted((a, b) => b.count - a.count).slice(0, MAX_CAUSES);
  return most.flatMap(({ kind, count }) => {
    const known = kind === 'held' ? 'body_held' : kind;
    const { what, fix, link } = explanationOf(known);
    const sites = callSites.filter(each => each.kind === kind).slice(0, MAX_SITES);
    const where = sites.length === 0 ? '' : ` (${sites.map(({ site }) => site).join(', ')})`;
    return [`  ${count} x ${known}: ${what}${where}. Fix: ${fix}`, `  ${link}`];
  });
}

function sumOf(counts: readonly { readonly count: number }[]): number {
  return counts.reduce((sum, { count }) => sum + count, 0);
}

function number(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function allowed(limit: number): string {
  if (limit === 0) return 'none was allowed';
  return `at most ${limit} ${limit === 1 ? 'was' : 'were'} allowed`;
}
