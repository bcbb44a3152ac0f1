import type { Attributes } from '@opentelemetry/api';
import { OTHER } from '../core/errors.ts';
import type { Origin } from '../core/origins.ts';
import type { ServerCloseReason } from '../core/reasons.ts';
import { AddressCounts, type Count, type HttpVersion } from './address-counts.ts';

/** What a server listens on, and what it speaks there. */
export interface Listener {
  /** Undefined where it does not listen itself: it is handed the connections of another. */
  readonly origin: Origin | undefined;
  readonly http: boolean;
  readonly tls: boolean;
  /** The version of HTTP that its connections have until they agree on another. */
  readonly version: HttpVersion;
}

/** Reasons that may well come: their series are born at zero, so that `rate` sees the first. */
const EXPECTED_REASONS: Readonly<Record<'http' | 'tls' | 'other', readonly ServerCloseReason[]>> = {
  http: [
    'keep_alive_timeout',
    'client_closed_idle',
    'client_aborted',
    'client_close_header',
    'request_timeout',
    'server_close_header',
    'server_shutdown',
    'error',
  ],
  tls: ['tls_failed'],
  other: ['client_closed_idle', 'server_shutdown', 'error'],
};

/** Kinds of failed handshakes told apart: each is a histogram, and anybody who can connect can make them. */
const MAX_FAILED_HANDSHAKES = 5;

/** All that is counted of one listener. */
export class ListenerCounts extends AddressCounts<ServerCloseReason> {
  readonly accepted: Count;
  readonly refused: Count;
  /** Connections open now, where there is no HTTP that could tell active from idle: taken anew at each collection. */
  readonly open: Count;
  readonly #failedHandshakes = new Set<string>();

  constructor(origin: Origin, http: boolean) {
    super(origin, http);
    this.accepted = this.count({});
    this.refused = this.count({});
    this.open = this.count({});
    for (const reason of EXPECTED_REASONS[http ? 'http' : 'other']) this.closed(reason);
  }

  /** A server listens on it: what can happen to such a one is born at zero. */
  listening({ tls, version }: Listener): void {
    if (tls) for (const reason of EXPECTED_REASONS.tls) this.closed(reason);
    if (this.http) this.inUse(version);
  }

  /** The labels of a handshake that failed. */
  failedHandshake(errorType: string): Attributes {
    if (this.#failedHandshakes.size < MAX_FAILED_HANDSHAKES) this.#failedHandshakes.add(errorType);
    return { ...this.attributes, 'error.type': this.#failedHandshakes.has(errorType) ? errorType : OTHER };
  }

  override resetGauges(): void {
    super.resetGauges();
    this.open.value = 0;
  }

  get allOpen(): Count[] {
    return this.http ? this.allInUse.flatMap(({ active, idle }) => [active, idle]) : [this.open];
  }
}
