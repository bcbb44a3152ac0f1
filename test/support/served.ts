import { expect } from 'vitest';
import type { Measuring, Readings } from './measuring.ts';

/** All that is known of what a server accepted, for comparing whole outcomes. */
export interface Served {
  readonly accepted: number;
  readonly refused: number;
  readonly fresh: number;
  readonly reused: number;
  readonly active: number;
  readonly idle: number;
  /** By reason. */
  readonly closed: Record<string, number>;
  /** Lives told at their close, and the requests told then. */
  readonly lives: number;
  readonly servedAtClose: number;
}

const NOTHING: Served = {
  accepted: 0,
  refused: 0,
  fresh: 0,
  reused: 0,
  active: 0,
  idle: 0,
  closed: {},
  lives: 0,
  servedAtClose: 0,
};

export function servedOf(readings: Readings, port: number): Served {
  const at = { 'server.port': port };
  const closed: Record<string, number> = {};
  for (const { attributes, value } of readings.points('connmeter.server.connection.closed', at)) {
    if (value > 0) closed[String(attributes['connmeter.close.reason'])] = value;
  }
  const inState = (state: string) =>
    readings.value('connmeter.server.connection.open', { ...at, 'http.connection.state': state });
  return {
    accepted: readings.value('connmeter.server.connection.accepted', at),
    refused: readings.value('connmeter.server.connection.refused', at),
    fresh: readings.value('connmeter.server.requests', { ...at, 'connmeter.connection.reused': false }),
    reused: readings.value('connmeter.server.requests', { ...at, 'connmeter.connection.reused': true }),
    active: inState('active'),
    idle: inState('idle'),
    closed,
    lives: readings.value('connmeter.server.connection.duration', at),
    servedAtClose: readings
      .points('connmeter.server.connection.requests', at)
      .reduce((total, { sum }) => total + sum, 0),
  };
}

/** Waits until all that is known of a port's server is exactly this; what is not said is zero. Fails with the difference. */
export async function expectServed(read: Measuring['read'], port: number, part: Partial<Served>): Promise<void> {
  await expect
    .poll(async () => servedOf(await read(), port), { timeout: 5_000, interval: 10 })
    .toEqual({ ...NOTHING, ...part });
}
