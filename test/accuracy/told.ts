import type { Phases } from '../../src/core/phases.ts';
import type { Snapshot } from '../../src/index.ts';
import type { Logged } from './log.ts';

/** What connmeter says. */
export interface Told {
  /** The causes that connmeter names, by connection. Connections without an answer are missing. */
  readonly causes: ReadonlyMap<Logged, string>;
  /** How many connections the judge does not know, or cannot distinguish. */
  readonly unmatched: number;
  /** connmeter's counts by cause, from the same counters as the metrics. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Reads snapshots as the play goes on, because each lists only the last 100 closed connections. */
export class Reader {
  readonly #snapshot: () => Snapshot;
  /** The causes by the connections' keys. */
  readonly #causes = new Map<string, string>();
  readonly #ports: readonly number[];

  constructor(snapshot: () => Snapshot, ports: readonly number[]) {
    this.#snapshot = snapshot;
    this.#ports = ports;
  }

  read(): Snapshot {
    const snapshot = this.#snapshot();
    for (const each of snapshot.closed) this.#note(each.port, each.phases, each.cause);
    return snapshot;
  }

  /** Finds the connections of the judge in everything that was read, and in a last snapshot. */
  finish(judged: readonly Logged[]): Told {
    const { live, origins } = this.read();
    for (const each of live) if (each.state !== 'opening') this.#note(each.port, each.phases, each.cause);
    const byKey = new Map(
      judged.map(each => [keyOf(each.port, (each.connected ?? Number.NaN) - each.started), each] as const),
    );
    const causes = new Map<Logged, string>();
    for (const [key, cause] of this.#causes) {
      const connection = byKey.get(key);
      if (connection !== undefined) causes.set(connection, cause);
    }
    const counts: Record<string, number> = {};
    for (const { port, opened } of origins) {
      if (!this.#ports.includes(port ?? 0)) continue; // a connection that an agent opens and never uses is not known to be HTTP
      for (const { cause, count } of opened) counts[cause] = (counts[cause] ?? 0) + count;
    }
    return { causes, unmatched: this.#causes.size - causes.size, counts };
  }

  #note(port: number | undefined, { connect = Number.NaN }: Phases, cause: unknown): void {
    if (this.#ports.includes(port ?? 0)) this.#causes.set(keyOf(port, connect), String(cause));
  }
}

/** A snapshot names no local port, but how long a connect took is different for each connection: see log.ts. */
function keyOf(port: number | undefined, connect: number): string {
  return `${port} ${connect}`;
}
