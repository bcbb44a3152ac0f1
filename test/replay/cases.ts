import { join } from 'node:path';
import { expect } from 'vitest';
import type { Fault } from './faults.ts';
import type { Fired } from './promtool.ts';

/** The rules to test: those of this repository, or other ones. */
export const RULES =
  process.env['CONNMETER_RULES'] ?? join(import.meta.dirname, '../../dashboards/rules/connmeter.yaml');

/** An alert may fire for so long after the fault: its window, of up to 20 minutes, and its `keep_firing_for`. */
const AFTERWARDS = 30;

const inWords = ({ alert, job, of, first, last }: Fired) =>
  `${alert} for ${job} ${of}, minute ${Math.round(first)} to ${Math.round(last)}`;

export function expectSilence(fired: readonly Fired[]): void {
  expect(fired.map(inWords)).toEqual([]);
}

/** Expects the alerts of a fault, and no alert outside its time. `from` and `to`: in hours. */
export function expectAlerts(
  fired: readonly Fired[],
  [name, { alerts }]: readonly [name: string, fault: Fault],
  [from, to]: readonly [number, number],
): void {
  const its = fired.filter(({ job }) => job === name);
  expect(its.map(({ alert }) => alert)).toEqual(expect.arrayContaining([...alerts]));
  expect(its.filter(({ first, last }) => first < from * 60 || last > to * 60 + AFTERWARDS).map(inWords)).toEqual([]);
}
