import type { Attributes } from '@opentelemetry/api';
import type { Phase } from '../core/errors.ts';
import type { Origin } from '../core/origins.ts';
import { addressAttributes, type Count } from './address-counts.ts';

/**
 * Gauges of the connections to one address that are being opened, by phase. Before a connection is open, it is not always
 * known whether an HTTP client owns it. So these are apart from the counts of its origin, and do not create an origin.
 */
export class PendingConnections {
  readonly address: string;
  readonly port: number | undefined;
  readonly http = false;
  readonly #attributes: Attributes;
  readonly #byPhase = new Map<Phase, Count>();

  constructor(origin: Origin) {
    this.address = origin.address;
    this.port = origin.port;
    this.#attributes = addressAttributes(origin);
  }

  /** A series begins when a collection first finds a connection in its phase, which most origins never have. */
  in(phase: Phase): Count {
    let count = this.#byPhase.get(phase);
    if (count === undefined) {
      count = { attributes: { ...this.#attributes, 'connmeter.phase': phase }, value: 0 };
      this.#byPhase.set(phase, count);
    }
    return count;
  }

  /** Sets the gauges to zero, before a collection recomputes them. */
  reset(): void {
    for (const count of this.#byPhase.values()) count.value = 0;
  }

  get isInUse(): boolean {
    return this.all.some(({ value }) => value > 0);
  }

  get all(): Count[] {
    return [...this.#byPhase.values()];
  }
}
