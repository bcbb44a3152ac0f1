import http from 'node:http';
import { setTimeout as passed } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { scenario as burst } from '../../examples/scenarios/burst.ts';
import { scenario as clientPerRequest } from '../../examples/scenarios/client-per-request.ts';
import { scenario as crawler } from '../../examples/scenarios/crawler.ts';
import { run, type Variant } from '../../examples/scenarios/scenario.ts';
import { scenario as unreadBody } from '../../examples/scenarios/unread-body.ts';
import { instrument, type Readings } from '../support/instrument.ts';
import { STATES, tcpSockets } from '../support/kernel.ts';
import { server } from '../support/server.ts';

// Five published incidents that were found with netstat, a profiler or custom counters. Each is reproduced here in Node,
// and the cause is read from the metrics alone, as a dashboard would.

/** The open cause of most connections: the top row of a table by cause. */
function mainCause(readings: Readings): string {
  const points = readings.points('connmeter.connection.opened').filter(({ value }) => value > 0);
  const byCause = new Map<string, number>();
  for (const { attributes, value } of points) {
    const cause = [attributes['connmeter.open.cause'], attributes['connmeter.close.reason']].filter(Boolean).join(' ');
    byCause.set(cause, (byCause.get(cause) ?? 0) + value);
  }
  return [...byCause].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? 'none';
}

/** The reuse ratio: the share of requests on a reused connection. */
function reuse(readings: Readings): number {
  const reused = readings.value('connmeter.requests', { 'connmeter.connection.reused': true });
  return reused / readings.value('connmeter.requests');
}

/** Closed connections of all origins, by reason. */
function closedBecause(readings: Readings): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { attributes, value } of readings.points('connmeter.connection.closed')) {
    const reason = String(attributes['connmeter.close.reason']);
    if (value > 0) counts[reason] = (counts[reason] ?? 0) + value;
  }
  return counts;
}

/** Sockets in TIME_WAIT for a port, on the client's side or the server's. */
function inTimeWait(port: number): number {
  return tcpSockets().filter(
    ({ localPort, remotePort, state }) => state === STATES.timeWait && [localPort, remotePort].includes(port),
  ).length;
}

/** An unread body counts after half a second. */
const UNTIL_HELD = 600;

/** Runs a variant against its own server, and reads the metrics. `pause`: milliseconds between the two. */
async function after(variant: Variant, client: 'fetch' | 'undici8' | 'http', pause = 0) {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument({ callSites: false });
  const cleanup = await run(variant, client, port, '');
  onTestFinished(async () => {
    await cleanup.cancelBodies();
    await cleanup.destroy();
  });
  await passed(pause);
  return { port, readings: await read(), seen: await seen(), read, cancelBodies: cleanup.cancelBodies };
}

test('1: ports run out because each request has its own client; a shared client still opens connections in bursts', async () => {
  const each = await after({ ...clientPerRequest.wasteful, calls: 30 }, 'http');
  const bursts = await after(burst.wasteful ?? {}, 'http');
  const shared = await after({ ...clientPerRequest.fixed, calls: 30 }, 'http');

  expect(each.seen).toMatchObject({ accepts: 30, requests: 30 });
  expect({ cause: mainCause(each.readings), reuse: reuse(each.readings) }).toEqual({ cause: 'new_pool', reuse: 0 });
  expect(mainCause(bursts.readings)).toBe('pool_busy');
  expect(bursts.readings.value('connmeter.connection.opened')).toBe(bursts.seen.accepts);
  expect(shared.seen).toMatchObject({ accepts: 1, requests: 30 });
  expect(reuse(shared.readings)).toBeCloseTo(29 / 30);
});

test.each(['fetch', 'undici8', 'http'] as const)(
  '2: connections accumulate because bodies are not read to the end (%s)',
  async client => {
    const { readings, read, seen, cancelBodies } = await after(unreadBody.wasteful ?? {}, client, UNTIL_HELD);

    expect(seen).toMatchObject({ accepts: 10, requests: 10 });
    expect({ cause: mainCause(readings), reuse: reuse(readings) }).toEqual({ cause: 'body_held', reuse: 0 });
    await expect.poll(async () => (await read()).value('connmeter.body.held'), { timeout: 5_000 }).toBe(10);

    await cancelBodies();

    await expect.poll(async () => (await read()).value('connmeter.body.held')).toBe(0);
  },
);

test('3: each POST to one endpoint opens a connection because the agent keeps none alive', async () => {
  const post: Variant = {
    calls: 30,
    agent: () => new http.Agent({ keepAlive: false }),
    http: (url, agent) =>
      new Promise((resolve, reject) => {
        const request = http.request(url, { method: 'POST', agent });
        request.on('error', reject).on('response', response => response.on('close', resolve).resume());
        request.end('{"paid":true}');
      }),
  };

  const { readings, read, seen } = await after(post, 'http');

  expect(seen).toMatchObject({ accepts: 30, requests: 30 });
  expect({ cause: mainCause(readings), reuse: reuse(readings) }).toEqual({
    cause: 'replaced keep_alive_off',
    reuse: 0,
  });
  await expect.poll(async () => closedBecause(await read())).toEqual({ keep_alive_off: 30 });
});

test.each(['fetch', 'undici8', 'http'] as const)(
  '4: 20 requests, 5 at a time, look up and connect 20 times if bodies are unread, and at most 10 times if read (%s)',
  async client => {
    const twenty: Variant = { host: 'localhost', calls: 20, concurrency: 5 };
    const unread = await after({ ...unreadBody.wasteful, ...twenty }, client, UNTIL_HELD);
    const readFully = await after({ ...unreadBody.fixed, ...twenty }, client);

    const told = ({ readings }: { readings: Readings }) => ({
      connections: readings.value('connmeter.connection.opened'),
      lookups: readings.value('dns.lookup.duration', { 'dns.question.name': 'localhost' }),
    });
    console.log(`${client}: 20 requests, 5 at a time. Unread:`, told(unread), 'read:', told(readFully));

    expect(told(unread)).toEqual({ connections: 20, lookups: 20 });
    expect(unread.seen).toMatchObject({ accepts: 20, requests: 20 });
    expect(mainCause(unread.readings)).toBe('body_held');
    const { connections, lookups } = told(readFully);
    expect(readFully.seen).toMatchObject({ accepts: connections, requests: 20 });
    expect(lookups).toBe(connections);
    expect(connections).toBeGreaterThanOrEqual(5);
    expect(connections).toBeLessThanOrEqual(client === 'http' ? 5 : 10); // undici may free a connection a moment too late
  },
);

test('5: a crawl of 200 names leaves a socket in TIME_WAIT per request because keep-alive is off', async () => {
  const { port, readings, read, seen } = await after({ ...crawler.wasteful, concurrency: 128 }, 'http');

  expect(seen).toMatchObject({ accepts: 400, requests: 400 });
  await expect.poll(async () => closedBecause(await read())).toEqual({ keep_alive_off: 400 });
  expect(reuse(readings)).toBe(0);
  expect(inTimeWait(port)).toBeGreaterThan(360);
});
