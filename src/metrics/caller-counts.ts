import type { Attributes } from '@opentelemetry/api';
import type { OpenCause } from '../core/causes.ts';
import type { CloseReason } from '../core/reasons.ts';
import type { Count } from './address-counts.ts';
import { OpenedCounts, openedLabels } from './opened-counts.ts';

/** Whose requests are counted: those of one caller of an origin, or those that have none. */
export interface RequestCounts {
  readonly attributes: Attributes;
  /** On new (`fresh`) and on reused connections. */
  readonly requests: { readonly fresh: Count; readonly reused: Count };
  /** Those that did not wait, and are not recorded yet. */
  unqueued: number;
  /** Connections that were opened for them. */
  opened(cause: OpenCause, predecessor: CloseReason | undefined): Count;
}

/** What is counted for one caller of an origin. */
export class CallerCounts implements RequestCounts {
  readonly name: string;
  readonly attributes: Attributes;
  readonly requests: { readonly fresh: Count; readonly reused: Count };
  unqueued = 0;
  readonly #opened: OpenedCounts;

  /** `attributes`: those of the origin. `make`: a counter of the origin. */
  constructor(name: string, attributes: Attributes, make: (metric: string, attributes: Attributes) => Count) {
    const named = { 'connmeter.caller': name };
    this.name = name;
    this.attributes = { ...attributes, ...named };
    this.requests = {
      fresh: make('connmeter.requests', { 'connmeter.connection.reused': false, ...named }),
      reused: make('connmeter.requests', { 'connmeter.connection.reused': true, ...named }),
    };
    this.#opened = new OpenedCounts(true, (cause, predecessor) =>
      make('connmeter.connection.opened', { ...openedLabels(cause, predecessor), ...named }),
    );
  }

  opened(cause: OpenCause, predecessor: CloseReason | undefined): Count {
    return this.#opened.of(cause, predecessor);
  }

  get allOpened(): Count[] {
    return this.#opened.all;
  }

  get allRequests(): Count[] {
    return [this.requests.fresh, this.requests.reused];
  }
}
