import type { Attributes } from '@opentelemetry/api';
import type { OpenCause } from './causes.ts';
import type { Origin } from './origins.ts';
import { type CloseReason, EXPECTED_FAILURES, OTHER, type Outcome, type Phase } from './reasons.ts';

/** One number with the labels it is reported under. */
export interface Count {
  readonly attributes: Attributes;
  value: number;
}

/** The versions of HTTP, as `network.protocol.version` writes them. */
export type HttpVersion = '1.1' | '2';

/** What is in use now, of one origin and one version of HTTP: taken anew at each collection. */
export interface InUse {
  readonly active: Count;
  readonly idle: Count;
  readonly requests: Count;
}

export type NetworkType = 'ipv4' | 'ipv6';

const OUTCOMES: readonly Outcome[] = ['ok', 'failed', 'timed_out'];

/** Causes that may well come: their series are born at zero. `replaced` is born with each reason that is seen. */
const EXPECTED_CAUSES: Readonly<Record<'http' | 'other', readonly OpenCause[]>> = {
  http: ['first', 'new_pool', 'release_race', 'body_held', 'pool_busy'],
  other: ['first', 'pool_busy'],
};

/** Kinds of failure told apart per origin; later ones become `_OTHER`. Keeps the SDK's limit of label sets far away. */
const MAX_FAILURE_KINDS = 12;

/** All that is counted of one origin. Counters only grow; every series is born at zero on first mention. */
export class Tally {
  readonly port: number | undefined;
  readonly http: boolean;
  readonly attributes: Attributes;
  /** Bodies held now: taken anew at each collection. */
  readonly held: Count;
  /** Seconds spent on setting up connections that served one request at most. */
  readonly wasted: Count;
  /** Requests sent on a connection that had served none before, and on one that had. Not for origins without HTTP. */
  readonly requests: { readonly fresh: Count; readonly reused: Count };
  readonly #opened = new Map<string, Count>();
  readonly #closed = new Map<CloseReason, Count>();
  readonly #attempts = new Map<NetworkType, Record<Outcome, Count>>();
  readonly #failures = new Map<string, Count>();
  readonly #passed = new Set<Phase>();
  readonly #inUse = new Map<HttpVersion, InUse>();

  constructor(origin: Origin, http: boolean) {
    this.port = origin.port;
    this.http = http;
    this.attributes = {
      'server.address': origin.address,
      ...(origin.port === undefined ? {} : { 'server.port': origin.port }),
      ...(http ? { 'network.protocol.name': 'http' } : {}),
    };
    this.held = this.#count({});
    this.wasted = this.#count({});
    for (const cause of EXPECTED_CAUSES[http ? 'http' : 'other']) this.opened(cause, undefined);
    this.requests = {
      fresh: this.#count({ 'connmeter.connection.reused': false }),
      reused: this.#count({ 'connmeter.connection.reused': true }),
    };
  }

  opened(cause: OpenCause, predecessor: CloseReason | undefined): Count {
    const key = predecessor ?? cause;
    let count = this.#opened.get(key);
    if (count === undefined) {
      const reason = predecessor === undefined ? {} : { 'connmeter.close.reason': predecessor };
      count = this.#count({ 'connmeter.open.cause': cause, ...reason });
      this.#opened.set(key, count);
    }
    return count;
  }

  closed(reason: CloseReason): Count {
    let count = this.#closed.get(reason);
    if (count === undefined) {
      count = this.#count({ 'connmeter.close.reason': reason });
      this.#closed.set(reason, count);
      this.opened('replaced', reason); // what was lost may be replaced
    }
    return count;
  }

  attempt(type: NetworkType, outcome: Outcome): Count {
    let outcomes = this.#attempts.get(type);
    if (outcomes === undefined) {
      const born = (name: Outcome) => this.#count({ 'network.type': type, 'connmeter.outcome': name });
      outcomes = { ok: born('ok'), failed: born('failed'), timed_out: born('timed_out') };
      this.#attempts.set(type, outcomes);
    }
    return outcomes[outcome];
  }

  failure(phase: Phase, errorType: string): Count {
    const key = `${phase} ${errorType}`;
    let count = this.#failures.get(key);
    if (count === undefined) {
      if (this.#failures.size >= MAX_FAILURE_KINDS && errorType !== OTHER) return this.failure(phase, OTHER);
      count = this.#count({ 'connmeter.phase': phase, 'error.type': errorType });
      this.#failures.set(key, count);
    }
    return count;
  }

  /** A connection of this origin goes through this phase: what can fail there is born at zero. */
  passes(phase: Phase): void {
    if (this.#passed.has(phase)) return;

    this.#passed.add(phase);
    for (const errorType of EXPECTED_FAILURES[phase]) this.failure(phase, errorType);
  }

  inUse(version: HttpVersion): InUse {
    let inUse = this.#inUse.get(version);
    if (inUse === undefined) {
      const protocol = { 'network.protocol.version': version };
      inUse = {
        active: this.#count({ ...protocol, 'http.connection.state': 'active' }),
        idle: this.#count({ ...protocol, 'http.connection.state': 'idle' }),
        requests: this.#count(protocol),
      };
      this.#inUse.set(version, inUse);
    }
    return inUse;
  }

  /** States are taken anew at each collection, from zero. */
  clearStates(): void {
    this.held.value = 0;
    for (const { active, idle, requests } of this.#inUse.values()) {
      active.value = 0;
      idle.value = 0;
      requests.value = 0;
    }
  }

  get allOpened(): Count[] {
    return [...this.#opened.values()];
  }

  get allClosed(): Count[] {
    return [...this.#closed.values()];
  }

  get attempts(): Count[] {
    return [...this.#attempts.values()].flatMap(outcomes => OUTCOMES.map(outcome => outcomes[outcome]));
  }

  get failures(): Count[] {
    return [...this.#failures.values()];
  }

  get allInUse(): InUse[] {
    return [...this.#inUse.values()];
  }

  #count(more: Attributes): Count {
    return { attributes: { ...this.attributes, ...more }, value: 0 };
  }
}
