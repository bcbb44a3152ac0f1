import type { Count } from './address-counts.ts';

/** The parts of connmeter in which its own faults are caught: a closed list. */
export const FAULT_PLACES = ['net', 'undici', 'http', 'http2', 'server', 'dns', 'collection', 'exposition'] as const;

export type FaultPlace = (typeof FAULT_PLACES)[number];

/** How often connmeter itself failed, by place. The program went on each time; what was to be counted then may be missing. */
export class Faults {
  readonly all: readonly Count[];

  constructor() {
    this.all = FAULT_PLACES.map(place => ({ attributes: { 'connmeter.fault.place': place }, value: 0 }));
  }

  count(place: FaultPlace): void {
    (this.all[FAULT_PLACES.indexOf(place)] as Count).value++;
  }
}
