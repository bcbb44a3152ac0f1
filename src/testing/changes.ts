import type { LineKind } from '../client/attribution/request-lines.ts';
import type { OriginSnapshot } from '../client/snapshot.ts';
import type { OpenCause } from '../core/causes.ts';
import type { Phase } from '../core/errors.ts';
import { type Origin, originText } from '../core/origins.ts';
import type { CloseReason } from '../core/reasons.ts';

/** What happened to the connections to one server while a function ran. */
export interface WatchedOrigin extends Origin {
  /** The server as `host:port`, or the path of a Unix socket. */
  readonly name: string;
  /** Connections that were opened: by cause, and by the reason of the loss for those that replaced a lost one. No zeros, here and below. */
  readonly opened: readonly {
    readonly cause: OpenCause;
    readonly reason: CloseReason | undefined;
    readonly count: number;
  }[];
  /** Connections that were closed, also those that were opened before. */
  readonly closed: readonly { readonly reason: CloseReason; readonly count: number }[];
  /** Connections that could not be opened. */
  readonly failed: readonly { readonly phase: Phase; readonly errorType: string; readonly count: number }[];
  /** Requests that were sent on a new connection (`fresh`) and on one that had carried a request (`reused`). */
  readonly requests: { readonly fresh: number; readonly reused: number };
  /** Responses that nobody had read half a second after the function, or that were garbage collected unread. */
  readonly held: number;
  /** The lines that did it, those with the highest count first. Empty if none is known. */
  readonly callSites: readonly WatchedLine[];
}

/** A line of the program, and what its requests did. */
export interface WatchedLine {
  /** Why it opened connections: the cause, or the reason of the loss. How they failed. Or `held`: it left responses unread. */
  readonly kind: LineKind | 'held';
  /** For example `src/pay.ts:42`. The path is relative to the working directory if it is below it. */
  readonly site: string;
  /** How often. Of each kind, the lines of the first 100 are looked up. */
  readonly count: number;
}

/** Something that happened at one server, and the line that did it. */
export interface LineEvent extends Origin {
  readonly kind: WatchedLine['kind'];
  readonly site: string | undefined;
}

/** What happened between two snapshots of all origins. `events`: what is known of lines; each `held` is one response. */
export function changesBetween(
  before: readonly OriginSnapshot[],
  after: readonly OriginSnapshot[],
  events: readonly LineEvent[],
): WatchedOrigin[] {
  const names = new Set([...after, ...events].map(nameOf));
  return Array.from(names, name => {
    const earlier = before.filter(each => nameOf(each) === name);
    const now = after.filter(each => nameOf(each) === name);
    return changesOf(
      name,
      earlier,
      now,
      events.filter(each => nameOf(each) === name),
    );
  }).filter(hasChanged);
}

/** An origin may be listed twice, with and without HTTP. */
function changesOf(
  name: string,
  before: readonly OriginSnapshot[],
  after: readonly OriginSnapshot[],
  events: readonly LineEvent[],
): WatchedOrigin {
  const { address, port } = (after[0] ?? events[0]) as Origin;
  const requests = (kind: 'fresh' | 'reused') => total(after, kind) - total(before, kind);
  return {
    name,
    address,
    port,
    opened: added(
      before.flatMap(({ opened }) => opened),
      after.flatMap(({ opened }) => opened),
      ({ cause, reason }) => reason ?? cause,
    ),
    closed: added(
      before.flatMap(({ closed }) => closed),
      after.flatMap(({ closed }) => closed),
      ({ reason }) => reason,
    ),
    failed: added(
      before.flatMap(({ failed }) => failed),
      after.flatMap(({ failed }) => failed),
      ({ phase, errorType }) => `${phase} ${errorType}`,
    ),
    requests: { fresh: requests('fresh'), reused: requests('reused') },
    held: events.filter(({ kind }) => kind === 'held').length,
    callSites: linesOf(events),
  };
}

function hasChanged({ opened, closed, failed, requests, held }: WatchedOrigin): boolean {
  return opened.length + closed.length + failed.length + requests.fresh + requests.reused + held > 0;
}

/** What was added to counts that only grow. */
function added<Entry extends { readonly count: number }>(
  before: readonly Entry[],
  after: readonly Entry[],
  keyOf: (entry: Entry) => string,
): Entry[] {
  const all = new Map<string, Entry>();
  const add = (entry: Entry, count: number) => {
    const key = keyOf(entry);
    all.set(key, { ...entry, count: (all.get(key)?.count ?? 0) + count });
  };
  for (const entry of after) add(entry, entry.count);
  for (const entry of before) add(entry, -entry.count);
  return [...all.values()].filter(({ count }) => count > 0);
}

function total(origins: readonly OriginSnapshot[], kind: 'fresh' | 'reused'): number {
  return origins.reduce((sum, { requests }) => sum + requests[kind], 0);
}

function linesOf(events: readonly LineEvent[]): WatchedLine[] {
  const lines = new Map<string, { kind: WatchedLine['kind']; site: string; count: number }>();
  for (const { kind, site } of events) {
    if (site === undefined) continue;

    const key = `${kind} ${site}`;
    const line = lines.get(key) ?? { kind, site, count: 0 };
    line.count++;
    lines.set(key, line);
  }
  return [...lines.values()].toSorted((a, b) => b.count - a.count);
}

/** Snapshots have host names in lower case, requests as they were written. */
function nameOf(origin: Origin): string {
  return normalOrigin(originText(origin));
}

/** Paths of Unix sockets are case-sensitive. */
export function normalOrigin(name: string): string {
  return name.startsWith('/') ? name : name.toLowerCase();
}
