import type { Attributes } from '@opentelemetry/api';
import { OTHER } from '../core/errors.ts';
import type { IdleEnd } from '../core/idle-end.ts';
import type { Origin } from '../core/origins.ts';
import type { ServerCloseReason } from '../core/reasons.ts';
import { AddressCounts, type Count, type HttpVersion, type MakeCount, ownCount } from './address-counts.ts';
import { ProxiedIdle } from './proxied-idle.ts';

/** The address that a server listens on, and its protocols. */
export interface Listener {
  /** Undefined if the server does not listen itself, but is given connections that another one accepted. */
  readonly origin: Origin | undefined;
  readonly http: boolean;
  readonly tls: boolean;
  /** The HTTP version of its connections, unless they negotiate another. */
  readonly version: HttpVersion;
}

const NAMES = { requests: 'connmeter.server.requests', closed: 'connmeter.server.connection.closed' } as const;

/** The common close reasons. Their series are initialised to zero, so that `rate()` sees the first close. */
const EXPECTED_REASONS: Readonly<Record<'http' | 'tls' | 'other', readonly ServerCloseReason[]>> = {
  http: [
    'keep_alive_timeout',
    'keep_alive_hint_too_short',
    'client_closed_idle',
    'client_aborted',
    'client_close_header',
    'request_timeout',
    'server_close_header',
    'upgraded',
    'server_shutdown',
    'error',
  ],
  tls: ['tls_failed'],
  other: ['client_closed_idle', 'server_shutdown', 'error'],
};

/** Limit of distinct errors of failed handshakes. Each adds the series of a histogram, and any client can cause them. */
const MAX_FAILED_HANDSHAKES = 5;

/** All counts of one listener. */
export class ListenerCounts extends AddressCounts<ServerCloseReason> {
  readonly accepted: Count;
  readonly refused: Count;
  /** Gauge of open connections without HTTP, which are neither active nor idle. */
  readonly open: Count;
  readonly proxiedIdle = new ProxiedIdle();
  readonly #failedHandshakes = new Map<string, Attributes>();

  constructor(origin: Origin, http: boolean, make: MakeCount = ownCount) {
    super(origin, http, NAMES, make);
    this.accepted = this.counter('connmeter.server.connection.accepted', {});
    this.refused = this.counter('connmeter.server.connection.refused', {});
    this.open = this.gauge({});
    for (const reason of EXPECTED_REASONS[http ? 'http' : 'other']) this.closed(reason);
  }

  /** A server listens on this address. Initialises the series that depend on its protocols. */
  listening({ tls, version }: Listener): void {
    if (tls) for (const reason of EXPECTED_REASONS.tls) this.closed(reason);
    if (this.http) this.inUse(version);
  }

  /** The attributes of a failed handshake. */
  failedHandshake(errorType: string): Attributes {
    let attributes = this.#failedHandshakes.get(errorType);
    if (attributes === undefined) {
      if (this.#failedHandshakes.size >= MAX_FAILED_HANDSHAKES && errorType !== OTHER)
        return this.failedHandshake(OTHER);
      attributes = { ...this.attributes, 'error.type': errorType };
      this.#failedHandshakes.set(errorType, attributes);
    }
    return attributes;
  }

  /** The attributes of the idle times of connections that ended in this way. `proxied`: their clients are proxies. */
  servedIdleTime(end: IdleEnd, proxied: boolean): Attributes {
    return proxied
      ? this.idleTime(end, ' proxied', { 'connmeter.client.proxied': true })
      : this.idleTime(end, '', { 'connmeter.client.proxied': false });
  }

  override resetGauges(): void {
    super.resetGauges();
    this.open.value = 0;
  }

  get allOpen(): Count[] {
    return this.http ? this.allInUse.flatMap(({ active, idle }) => [active, idle]) : [this.open];
  }
}
