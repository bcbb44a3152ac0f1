import { expect } from 'vitest';
import type { Instrumented, Readings } from './instrument.ts';

/** All counts of a server's connections, to compare at once. */
export interface ServerCounts {
  readonly accepted: number;
  readonly refused: number;
  readonly fresh: number;
  readonly reused: number;
  readonly active: number;
  readonly idle: number;
  /** By close reason. */
  readonly closed: Record<string, number>;
  /** Number of durations recorded at close, and the sum of the requests recorded then. */
  readonly durations: number;
  readonly requestsAtClose: number;
}

const NO_CONNECTIONS: ServerCounts = {
  accepted: 0,
  refused: 0,
  fresh: 0,
  reused: 0,
  active: 0,
  idle: 0,
  closed: {},
  durations: 0,
  requestsAtClose: 0,
};

export function serverCountsOf(readings: Readings, port: number): ServerCounts {
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
    durations: readings.value('connmeter.server.connection.duration', at),
    requestsAtClose: readings
      .points('connmeter.server.connection.requests', at)
      .reduce((total, { sum }) => total + sum, 0),
  };
}

/** Waits until the counts of the server on a port are exactly these; counts not given are zero. Fails with the difference. */
export async function expectServerCounts(
  read: Instrumented['read'],
  port: number,
  part: Partial<ServerCounts>,
): Promise<void> {
  await expect
    .poll(async () => serverCountsOf(await read(), port), { timeout: 5_000, interval: 10 })
    .toEqual({ ...NO_CONNECTIONS, ...part });
}
