import type { OpenCause } from '../core/causes.ts';
import type { CloseReason } from '../core/reasons.ts';
import type { Count } from './address-counts.ts';

/** The common causes. Their series are initialised to zero; those of `replaced` when a connection is closed for that reason. */
const EXPECTED_CAUSES: Readonly<Record<'http' | 'other', readonly OpenCause[]>> = {
  http: ['first', 'new_pool', 'release_race', 'body_held', 'pool_busy'],
  other: ['first', 'pool_busy'],
};

/** Opened connections, by cause. */
export class OpenedCounts {
  readonly #make: (cause: OpenCause, predecessor: CloseReason | undefined) => Count;
  readonly #counts = new Map<string, Count>();

  constructor(http: boolean, make: (cause: OpenCause, predecessor: CloseReason | undefined) => Count) {
    this.#make = make;
    for (const cause of EXPECTED_CAUSES[http ? 'http' : 'other']) this.of(cause, undefined);
  }

  /** `predecessor`: why the connection was closed that this one replaces. */
  of(cause: OpenCause, predecessor: CloseReason | undefined): Count {
    const key = predecessor ?? cause;
    let count = this.#counts.get(key);
    if (count === undefined) {
      count = this.#make(cause, predecessor);
      this.#counts.set(key, count);
    }
    return count;
  }

  get all(): Count[] {
    return [...this.#counts.values()];
  }
}

/** The labels of connections that were opened for a cause. */
export function openedLabels(cause: OpenCause, predecessor: CloseReason | undefined): Record<string, string> {
  const reason = predecessor === undefined ? {} : { 'connmeter.close.reason': predecessor };
  return { 'connmeter.open.cause': cause, ...reason };
}
