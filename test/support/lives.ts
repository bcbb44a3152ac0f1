import type { AttributeValue } from '@opentelemetry/api';
import { expect } from 'vitest';
import type { Measuring, Readings } from './measuring.ts';

export type Life = ReturnType<Readings['lifeOf']>;

const NOTHING: Life = { opened: 0, closed: 0, failed: 0, fresh: 0, reused: 0, active: 0, idle: 0, requests: 0 };

/** A whole outcome, of which only what is not zero needs to be said. */
export function life(part: Partial<Life>): Life {
  return { ...NOTHING, ...part };
}

/** Waits until all that is known of a port is exactly this; what is not said is zero. Fails with the difference. */
export async function expectLife(read: Measuring['read'], port: number, part: Partial<Life>): Promise<void> {
  await expect.poll(async () => (await read()).lifeOf(port), { timeout: 5_000, interval: 10 }).toEqual(life(part));
}

/** Waits until the process has no connection left, on whatever port, and every one opened is counted closed. */
export async function expectAllClosed(read: Measuring['read']): Promise<void> {
  const left = async () => {
    const readings = await read();
    const opened = readings.value('connmeter.connection.opened');
    return {
      openedAny: opened > 0,
      openedNotClosed: opened - readings.value('connmeter.connection.closed'),
      // each one, or one below zero would hide one above
      gauges: ['http.client.open_connections', 'http.client.active_requests', 'connmeter.dns.pending']
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

/** Lets what this turn of the event loop still has to do be done: a freed socket is back in its pool afterwards. */
export function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
