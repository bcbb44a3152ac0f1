import type { AttributeValue } from '@opentelemetry/api';
import { expect } from 'vitest';
import type { Instrumented, Readings } from './instrument.ts';

export type ConnectionCounts = ReturnType<Readings['countsOf']>;

const NO_CONNECTIONS: ConnectionCounts = {
  opened: 0,
  closed: 0,
  failed: 0,
  fresh: 0,
  reused: 0,
  active: 0,
  idle: 0,
  requests: 0,
};

/** Complete connection counts; counts that are not given are zero. */
export function connectionCounts(part: Partial<ConnectionCounts>): ConnectionCounts {
  return { ...NO_CONNECTIONS, ...part };
}

/** Waits until the counts of a port are exactly these; counts that are not given are zero. Fails with the difference. */
export async function expectConnectionCounts(
  read: Instrumented['read'],
  port: number,
  part: Partial<ConnectionCounts>,
): Promise<void> {
  await expect
    .poll(async () => (await read()).countsOf(port), { timeout: 5_000, interval: 10 })
    .toEqual(connectionCounts(part));
}

/** Waits until the process has no open connection on any port, and every opened connection is counted as closed. */
export async function expectAllClosed(read: Instrumented['read']): Promise<void> {
  const left = async () => {
    const readings = await read();
    const opened = readings.value('connmeter.connection.opened');
    return {
      openedAny: opened > 0,
      openedNotClosed: opened - readings.value('connmeter.connection.closed'),
      // checked one by one, because a negative gauge would cancel out a positive one
      gauges: [
        'http.client.open_connections',
        'http.client.active_requests',
        'connmeter.open_connections',
        'connmeter.connection.pending',
        'connmeter.dns.pending',
      ]
        .flatMap(name => readings.points(name))
        .filter(({ value }) => value !== 0),
      perOrigin: readings.points('connmeter.connection.opened').filter(({ attributes }) => {
        const { 'connmeter.open.cause': _cause, 'connmeter.close.reason': _reason, ...origin } = attributes;
        const labels: Record<string, AttributeValue | undefined> = { 'network.protocol.name': undefined, ...origin };
        return (
          readings.value('connmeter.connection.opened', labels) !==
          readings.value('connmeter.connection.closed', labels)
        );
      }),
    };
  };
  await expect
    .poll(left, { timeout: 5_000, interval: 10 })
    .toEqual({ openedAny: true, openedNotClosed: 0, gauges: [], perOrigin: [] });
}

/** Waits for the next turn of the event loop: a freed socket is back in its pool by then. */
export function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
