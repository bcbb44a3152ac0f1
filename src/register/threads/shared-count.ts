import type { Attributes } from '@opentelemetry/api';
import type { Count } from '../../metrics/address-counts.ts';
import type { Slots } from './series.ts';

/** A count whose value is in shared memory. */
export class SharedCount implements Count, Slots {
  readonly attributes: Attributes;
  readonly floats: Float64Array;
  readonly start: number;

  constructor(attributes: Attributes, { floats, start }: Slots) {
    this.attributes = attributes;
    this.floats = floats;
    this.start = start;
  }

  get value(): number {
    return this.floats[this.start] as number;
  }

  set value(value: number) {
    this.floats[this.start] = value;
  }
}
