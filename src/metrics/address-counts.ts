import type { Attributes } from '@opentelemetry/api';
import type { IdleEnd } from '../core/idle-end.ts';
import type { Origin } from '../core/origins.ts';
import type { TlsHandshake } from '../core/tls-handshake.ts';
import { IdleLimit } from './idle-limit.ts';

/** The value of one series, and its attributes: the same object each time. */
export interface Count {
  readonly attributes: Attributes;
  value: number;
}

/** Makes a count at zero, for a series of a metric. */
export type MakeCount = (metric: string, attributes: Attributes) => Count;

export const ownCount: MakeCount = (_metric, attributes) => ({ attributes, value: 0 });

/** The counters that origins and listeners both have, under different names. */
export interface CounterNames {
  readonly requests: string;
  readonly closed: string;
}

/** HTTP versions as in `network.protocol.version`. */
export type HttpVersion = '1.1' | '2';

/** Gauges of one address and one HTTP version. They are recomputed at each collection. */
export interface InUse {
  readonly active: Count;
  readonly idle: Count;
  readonly requests: Count;
}

export function addressAttributes({ address, port }: Origin): Attributes {
  return { 'server.address': address, ...(port === undefined ? {} : { 'server.port': port }) };
}

/** The attributes of everything that is counted at one address. */
export function protocolAttributes(origin: Origin, http: boolean): Attributes {
  return { ...addressAttributes(origin), ...(http ? { 'network.protocol.name': 'http' } : {}) };
}

/**
 * The counts of one address that origins and listeners have in common. A series is initialised to zero when its count is
 * first asked for.
 */
export class AddressCounts<Reason extends string> {
  readonly address: string;
  readonly port: number | undefined;
  readonly http: boolean;
  readonly attributes: Attributes;
  /** There is a connection whose events are counted here, as of the last collection. */
  isInUse = false;
  /** Requests on new (`fresh`) and on reused connections. HTTP only. */
  readonly requests: { readonly fresh: Count; readonly reused: Count };
  readonly #closed = new Map<Reason, Count>();
  readonly #inUse = new Map<HttpVersion, InUse>();
  /** By version: of handshakes that resumed a session, and of full ones. */
  readonly #resumed = new Map<string, Attributes>();
  readonly #full = new Map<string, Attributes>();
  readonly #idleEnds = new Map<string, Attributes>();
  /** After how many idle seconds the other side closes connections. */
  readonly idleLimit = new IdleLimit();
  readonly #names: CounterNames;
  readonly #make: MakeCount;

  constructor({ address, port }: Origin, http: boolean, names: CounterNames, make: MakeCount) {
    this.#names = names;
    this.#make = make;
    this.address = address;
    this.port = port;
    this.http = http;
    this.attributes = protocolAttributes({ address, port }, http);
    this.requests = {
      fresh: this.httpCounter(names.requests, { 'connmeter.connection.reused': false }),
      reused: this.httpCounter(names.requests, { 'connmeter.connection.reused': true }),
    };
  }

  /** A new gauge of this address, at zero. */
  gauge(attributes: Attributes): Count {
    return { attributes: { ...this.attributes, ...attributes }, value: 0 };
  }

  /** A new counter of this address, at zero. */
  counter(metric: string, attributes: Attributes): Count {
    return this.#make(metric, { ...this.attributes, ...attributes });
  }

  /** The same for a metric that only addresses with HTTP have. */
  httpCounter(metric: string, attributes: Attributes): Count {
    return this.http ? this.counter(metric, attributes) : this.gauge(attributes);
  }

  closed(reason: Reason): Count {
    let count = this.#closed.get(reason);
    if (count === undefined) {
      count = this.counter(this.#names.closed, { 'connmeter.close.reason': reason });
      this.#closed.set(reason, count);
    }
    return count;
  }

  inUse(version: HttpVersion): InUse {
    let inUse = this.#inUse.get(version);
    if (inUse === undefined) {
      const protocol = { 'network.protocol.version': version };
      inUse = {
        active: this.gauge({ ...protocol, 'http.connection.state': 'active' }),
        idle: this.gauge({ ...protocol, 'http.connection.state': 'idle' }),
        requests: this.gauge(protocol),
      };
      this.#inUse.set(version, inUse);
    }
    return inUse;
  }

  /** The attributes of TLS handshakes that succeeded. */
  handshake({ version, resumed }: Pick<TlsHandshake, 'version' | 'resumed'>): Attributes {
    const handshakes = resumed ? this.#resumed : this.#full;
    let attributes = handshakes.get(version);
    if (attributes === undefined) {
      attributes = { ...this.attributes, 'tls.protocol.version': version, 'tls.resumed': resumed };
      handshakes.set(version, attributes);
    }
    return attributes;
  }

  /** The attributes of the idle times of connections that ended in this way. `more`: further attributes, the same for the same key. */
  idleTime(end: IdleEnd, key = '', more: Attributes = {}): Attributes {
    const known = this.#idleEnds.get(end + key);
    if (known !== undefined) return known;

    const attributes = { ...this.attributes, 'connmeter.idle.end': end, ...more };
    this.#idleEnds.set(end + key, attributes);
    return attributes;
  }

  /** Sets the gauges to zero, before a collection recomputes them. */
  resetGauges(): void {
    this.isInUse = false;
    for (const { active, idle, requests } of this.#inUse.values()) {
      active.value = 0;
      idle.value = 0;
      requests.value = 0;
    }
  }

  /** The attributes of its histograms. */
  get histogramAttributes(): Attributes[] {
    const inUse = this.allInUse.map(({ requests }) => requests.attributes);
    return [this.attributes, ...inUse, ...this.#full.values(), ...this.#resumed.values(), ...this.#idleEnds.values()];
  }

  get allReasons(): Reason[] {
    return [...this.#closed.keys()];
  }

  get allClosed(): Count[] {
    return [...this.#closed.values()];
  }

  get allInUse(): InUse[] {
    return [...this.#inUse.values()];
  }
}
