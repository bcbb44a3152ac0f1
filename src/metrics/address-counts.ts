import type { Attributes } from '@opentelemetry/api';
import type { Origin } from '../core/origins.ts';

/** One number with the labels it is reported under. */
export interface Count {
  readonly attributes: Attributes;
  value: number;
}

/** The versions of HTTP, as `network.protocol.version` writes them. */
export type HttpVersion = '1.1' | '2';

/** What is in use now, of one address and one version of HTTP: taken anew at each collection. */
export interface InUse {
  readonly active: Count;
  readonly idle: Count;
  readonly requests: Count;
}

/**
 * What is counted alike on both sides, of connections that carry requests to one address: counters only grow, and every
 * series is born at zero on first mention.
 */
export class AddressCounts<Reason extends string> {
  readonly port: number | undefined;
  readonly http: boolean;
  readonly attributes: Attributes;
  /** Requests on a connection that had carried none before, and on one that had. Not without HTTP. */
  readonly requests: { readonly fresh: Count; readonly reused: Count };
  readonly #closed = new Map<Reason, Count>();
  readonly #inUse = new Map<HttpVersion, InUse>();

  constructor({ address, port }: Origin, http: boolean) {
    this.port = port;
    this.http = http;
    this.attributes = {
      'server.address': address,
      ...(port === undefined ? {} : { 'server.port': port }),
      ...(http ? { 'network.protocol.name': 'http' } : {}),
    };
    this.requests = {
      fresh: this.count({ 'connmeter.connection.reused': false }),
      reused: this.count({ 'connmeter.connection.reused': true }),
    };
  }

  /** A number of this address, from zero. */
  count(more: Attributes): Count {
    return { attributes: { ...this.attributes, ...more }, value: 0 };
  }

  closed(reason: Reason): Count {
    let count = this.#closed.get(reason);
    if (count === undefined) {
      count = this.count({ 'connmeter.close.reason': reason });
      this.#closed.set(reason, count);
    }
    return count;
  }

  inUse(version: HttpVersion): InUse {
    let inUse = this.#inUse.get(version);
    if (inUse === undefined) {
      const protocol = { 'network.protocol.version': version };
      inUse = {
        active: this.count({ ...protocol, 'http.connection.state': 'active' }),
        idle: this.count({ ...protocol, 'http.connection.state': 'idle' }),
        requests: this.count(protocol),
      };
      this.#inUse.set(version, inUse);
    }
    return inUse;
  }

  /** States are taken anew at each collection, from zero. */
  resetGauges(): void {
    for (const { active, idle, requests } of this.#inUse.values()) {
      active.value = 0;
      idle.value = 0;
      requests.value = 0;
    }
  }

  get allClosed(): Count[] {
    return [...this.#closed.values()];
  }

  get allInUse(): InUse[] {
    return [...this.#inUse.values()];
  }
}
