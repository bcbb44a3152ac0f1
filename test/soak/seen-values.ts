import type { Attributes } from '@opentelemetry/api';
import { METRICS } from '../../src/metrics/table.ts';
import type { SoakPoint } from './plan.ts';

export type Metrics = Record<string, readonly SoakPoint[]>;

/** They are zero once everything is closed. */
const GAUGES = [
  'http.client.open_connections',
  'http.client.active_requests',
  'connmeter.open_connections',
  'connmeter.body.held',
  'connmeter.connection.pending',
  'connmeter.dns.pending',
  'connmeter.request.pending',
  'connmeter.server.connection.open',
];
const COUNTERS: ReadonlySet<string> = new Set(
  METRICS.filter(({ kind }) => kind !== 'upDownCounter').map(({ name }) => name),
);

/** Finds values that must never occur: negative gauges, and counters that fall. */
export class SeenValues {
  readonly impossible: string[] = [];
  /** Maximum of each gauge. */
  readonly most: Record<string, number> = {};
  readonly #before = new Map<string, number>();

  see(name: string, attributes: Attributes, value: number): void {
    const key = `${name} ${JSON.stringify(attributes)}`;
    const before = this.#before.get(key) ?? 0;
    this.#before.set(key, value);
    if (value < 0) this.#note(`${key} is ${value}`);
    if (!COUNTERS.has(name)) this.most[name] = Math.max(this.most[name] ?? 0, value);
    else if (value < before) this.#note(`${key} fell from ${before} to ${value}`);
  }

  #note(what: string): void {
    if (this.impossible.length < 20) this.impossible.push(what);
  }
}

/** The sum of a metric's series; 0 if there are none. */
export function total(metrics: Readonly<Metrics>, name: string, labels: Attributes = {}): number {
  const wanted = Object.entries(labels);
  return (metrics[name] ?? [])
    .filter(({ attributes }) => wanted.every(([key, value]) => attributes[key] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

/** Connections that are open. */
export function openIn(metrics: Readonly<Metrics>): number {
  return total(metrics, 'connmeter.connection.opened') - total(metrics, 'connmeter.connection.closed');
}

/** All gauge series that are not zero. */
export function notZero(metrics: Readonly<Metrics>): string[] {
  return GAUGES.flatMap(name =>
    (metrics[name] ?? [])
      .filter(({ value }) => value !== 0)
      .map(({ attributes, value }) => `${name} ${JSON.stringify(attributes)} is ${value}`),
  );
}
