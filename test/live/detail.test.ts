import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { series } from '../../bench/series.ts';
import { METRICS } from '../../src/metrics/table.ts';
import { instrument, type Readings } from '../support/instrument.ts';
import { server } from '../support/server.ts';
import { until } from '../support/until.ts';

test.each([
  ['full', 110],
  ['basic', 25],
] as const)(
  'in %s detail, an origin with real traffic of all kinds has at most %i series',
  async (detail, most) => {
    const steps = await series({ detail });

    expect(steps.length).toBeGreaterThan(5);
    expect(steps.at(-1)?.series).toBeLessThanOrEqual(most);
    expect(steps.at(-1)?.series).toBeGreaterThan(most / 2);
  },
  60_000,
);

/** Opens, reuses, loses and fails connections with and without HTTP, to the ports of two servers and to one that is closed. */
async function traffic(web: number, bare: number): Promise<void> {
  const visit = async (options: http.RequestOptions) => {
    const request = http.get({ host: '127.0.0.1', ...options }, response => response.resume());
    request.on('error', () => {});
    await new Promise(resolve => request.on('close', resolve));
  };
  const agent = new http.Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  for (let i = 0; i < 5; i++) await visit({ port: web, agent });
  for (let i = 0; i < 3; i++) await visit({ port: web, agent: false });
  await Promise.all([1, 2, 3].map(() => visit({ port: web, agent })));
  await visit({ port: 1, agent: false });
  await visit({ host: 'no-such-name.invalid', port: web, agent: false });
  for (let i = 0; i < 2; i++) {
    const socket = net.connect(bare, '127.0.0.1');
    await once(socket, 'connect');
    socket.destroy();
    await once(socket, 'close');
  }
  await (await fetch(`http://127.0.0.1:${web}/`)).text();
}

/** The sum of each metric, by port. */
function sumsOf(readings: Readings): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { name } of METRICS) {
    for (const { attributes, value } of readings.points(name)) {
      const key = `${name} ${attributes['server.port'] ?? ''}`;
      sums[key] = (sums[key] ?? 0) + value;
    }
  }
  return sums;
}

test('both details have the same sums after the same traffic', async () => {
  const [web, bare] = [await server({ kind: 'http' }), await server({ kind: 'tcp' })];
  const full = instrument({ detail: 'full' });
  const basic = instrument({ detail: 'basic' });

  await traffic(web.port, bare.port);

  await until(bare.seen, ({ open }) => open === 0);
  const [all, few] = [sumsOf(await full.read()), sumsOf(await basic.read())];
  const shown = new Set(METRICS.filter(({ basic }) => basic !== 'left out').map(({ name }) => name as string));
  const expected = Object.entries(all).filter(([key]) => shown.has(key.split(' ')[0] ?? ''));
  // Ports are those of the whole machine, and each instrumentation reads the clock itself.
  const varying = /^connmeter\.(?:ports|setup\.wasted)/;
  const comparable = (sums: [string, number][]) => Object.fromEntries(sums.filter(([key]) => !varying.test(key)));
  expect(comparable(Object.entries(few))).toEqual(comparable(expected));
  expect(few[`connmeter.connection.opened ${web.port}`]).toBeGreaterThanOrEqual(6);
  expect(few[`connmeter.connection.closed ${bare.port}`]).toBe(2);
  expect(few['connmeter.connection.failed 1']).toBe(1);
});
