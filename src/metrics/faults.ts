import { type Count, type MakeCount, ownCount } from './address-counts.ts';

/** The parts of connmeter by which its own errors are counted. A closed list. */
export const FAULT_PLACES = [
  'net',
  'undici',
  'http',
  'http2',
  'server',
  'dns',
  'collection',
  'exposition',
  'traces',
] as const;

export type FaultPlace = (typeof FAULT_PLACES)[number];

/** Counts the errors of connmeter itself. They do not affect the program, but the event that was handled may not be counted. */
export class Faults {
  readonly all: readonly Count[];

  constructor(make: MakeCount = ownCount) {
    this.all = FAULT_PLACES.map(place => make('connmeter.faults', { 'connmeter.fault.place': place }));
  }

  count(place: FaultPlace): void {
    (this.all[FAULT_PLACES.indexOf(place)] as Count).value++;
  }
}
