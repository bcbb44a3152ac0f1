import { expect } from 'vitest';
import type { CloseReason } from '../../src/core/reasons.ts';
import type { Instrumented } from './instrument.ts';

/** Waits until the connections to the port are closed for exactly these reasons. */
export async function expectClosed(
  read: Instrumented['read'],
  port: number,
  reasons: Partial<Record<CloseReason, number>>,
): Promise<void> {
  const closed = async () => {
    const readings = await read();
    const points = readings.points('connmeter.connection.closed', { 'server.port': port });
    return Object.fromEntries(
      points.map(({ attributes, value }) => [attributes['connmeter.close.reason'], value] as const),
    );
  };
  await expect.poll(closed, { timeout: 8_000, interval: 20 }).toEqual(reasons);
}
