// What connmeter says about each connection. A snapshot names no local port, so its connections are matched with those of the
// judge by their times: how long the connect took, and how old the connection is or became. Usually both agree to a few
// microseconds. On a busy machine, the process may be interrupted between the two measurements of one of them, but hardly of both.
import type { ClosedConnection, LiveConnection, Snapshot } from '../../src/client/snapshot.ts';
import type { Logged } from './log.ts';

/** Differences of times below this many seconds say nothing. */
const PRECISION = 0.000_02;

export interface Told {
  /** The causes that connmeter names, by connection. Connections without an answer are missing. */
  readonly causes: ReadonlyMap<Logged, string>;
  /** Connections of connmeter that the judge does not know. */
  readonly unmatched: number;
  /** connmeter's counts by cause, from the same counters as the metrics. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Reads snapshots as the play goes on, because each lists only the last 100 closed connections. */
export class Reader {
  readonly #snapshot: () => Snapshot;
  readonly #closed = new Map<string, ClosedConnection>();

  constructor(snapshot: () => Snapshot) {
    this.#snapshot = snapshot;
  }

  read(): Snapshot {
    const snapshot = this.#snapshot();
    for (const each of snapshot.closed) this.#closed.set(`${each.port} ${each.age} ${each.phases.connect}`, each);
    return snapshot;
  }

  /** Matches everything read so far, and what a last snapshot shows, with the connections of the judge. */
  finish(ports: readonly number[], logged: readonly Logged[]): Told {
    const { live, origins } = this.read();
    const isOpen = ({ state, port }: LiveConnection) => state !== 'opening' && ports.includes(port ?? 0);
    const said = [
      ...live.filter(isOpen).map(each => ({ ...each, isLive: true })),
      ...[...this.#closed.values()]
        .filter(({ port }) => ports.includes(port ?? 0))
        .map(each => ({ ...each, isLive: false })),
    ];
    const now = timeOfSnapshot(
      said.filter(({ isLive }) => isLive).map(({ age }) => age),
      logged.filter(({ destroyed }) => destroyed === undefined).map(({ started }) => started),
    );
    const pairs = said.flatMap(each =>
      logged
        .filter(({ port, destroyed }) => port === each.port && (destroyed === undefined) === each.isLive)
        .map(connection => ({ each, connection, distance: distance(each, connection, now) })),
    );
    const causes = new Map<Logged, string>();
    const matched = new Set<object>();
    for (const { each, connection } of pairs.sort((a, b) => a.distance - b.distance)) {
      if (matched.has(each) || causes.has(connection)) continue;

      matched.add(each);
      causes.set(connection, String(each.cause ?? 'unknown'));
    }
    const counts: Record<string, number> = {};
    for (const { http, port, opened } of origins) {
      if (!http || !ports.includes(port ?? 0)) continue;
      for (const { cause, count } of opened) counts[cause] = (counts[cause] ?? 0) + count;
    }
    return { causes, unmatched: said.length - matched.size, counts };
  }
}

/** When the snapshot was taken. Both lists are of the same live connections, so the newest of both is the same, and so on. */
function timeOfSnapshot(ages: readonly number[], starts: readonly number[]): number {
  const newestFirst = starts.toSorted((a, b) => b - a);
  const times = ages.toSorted((a, b) => a - b).flatMap((age, index) => age + (newestFirst[index] ?? NaN) || []);
  return times.sort((a, b) => a - b)[times.length >> 1] ?? 0;
}

/** Small if one of the times agrees: a sum of differences would let the other one decide. */
function distance(
  { age, phases }: Pick<ClosedConnection, 'age' | 'phases'>,
  { started, connected = 0, destroyed = Infinity, closed = Infinity }: Logged,
  now: number,
): number {
  const end = started + age;
  const afterwards = destroyed === Infinity ? Math.abs(end - now) : Math.max(0, destroyed - end, end - closed);
  const connect = Math.abs((phases.connect ?? 0) - (connected - started));
  return Math.log1p(connect / PRECISION) + Math.log1p(afterwards / PRECISION);
}
