// Attempts that the system refuses before the turn of the event loop in which they began has ended: no local port is free, or there
// is no route. A local address that this host does not have is refused like that.
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { Agent, request } from 'undici';
import { expect, test } from 'vitest';
import { instrument } from '../support/instrument.ts';
import { until } from '../support/until.ts';

/** A broadcast address of loopback: the system has no route to it. */
const NO_ROUTE = { host: '127.255.255.255', port: 9 };

/** Documentation addresses belong to no host: https://www.rfc-editor.org/rfc/rfc5737 */
const NOT_OURS = '192.0.2.1';
const FROM_ELSEWHERE = { host: '127.0.0.1', port: 9, localAddress: NOT_OURS };

interface Client {
  readonly error: 'ENETUNREACH' | 'EADDRNOTAVAIL';
  /** Makes one attempt, and calls `failed` when it has failed. */
  readonly attempt: (failed: () => void) => void;
}

const noRoute = (attempt: Client['attempt']): Client => ({ error: 'ENETUNREACH', attempt });
const fromElsewhere = (attempt: Client['attempt']): Client => ({ error: 'EADDRNOTAVAIL', attempt });
const keepAlive = () => new http.Agent({ keepAlive: true });

/** A bare socket whose local address is refused does not show where it would have gone, so it is in none of these. */
const CLIENTS: Readonly<Record<string, Client>> = {
  'net.connect': noRoute(failed => void net.connect(NO_ROUTE).on('error', failed)),
  'tls.connect': noRoute(failed => void tls.connect(NO_ROUTE).on('error', failed)),
  'http without a route': noRoute(failed => void http.get({ ...NO_ROUTE, agent: keepAlive() }).on('error', failed)),
  'http without an agent': fromElsewhere(
    failed => void http.get({ ...FROM_ELSEWHERE, agent: false }).on('error', failed),
  ),
  'http with an agent': fromElsewhere(
    failed => void http.get({ ...FROM_ELSEWHERE, agent: keepAlive() }).on('error', failed),
  ),
  https: fromElsewhere(failed => void https.get({ ...FROM_ELSEWHERE, agent: false }).on('error', failed)),
  undici: fromElsewhere(failed => {
    const dispatcher = new Agent({ localAddress: NOT_OURS, connections: 1 });
    request('http://127.0.0.1:9', { dispatcher }).catch(failed);
  }),
  'undici without a route': noRoute(failed => {
    request('http://127.255.255.255:9', { dispatcher: new Agent() }).catch(failed);
  }),
};

/** Where the program may be when it makes the attempt. They differ in what Node runs next. */
const MOMENTS: Readonly<Record<string, (run: () => void) => void>> = {
  'a timer': run => void setTimeout(run, 5),
  'an immediate': run => void setImmediate(run),
  'a tick': run => process.nextTick(run),
  'a promise': run => void Promise.resolve().then(run),
};

const COUNT = 5;

const CASES = Object.entries(CLIENTS).flatMap(([name, client]) =>
  Object.entries(MOMENTS).map(([moment, at]) => [name, moment, client, at] as const),
);

test.for(CASES)('every attempt is counted as failed: %s, from %s', async ([_name, _moment, { error, attempt }, at]) => {
  const { read } = instrument();
  let failures = 0;

  for (let i = 0; i < COUNT; i++) at(() => attempt(() => failures++));
  await until(
    () => failures,
    failures => failures === COUNT,
  );

  const counted = async () => {
    const of = { 'connmeter.phase': 'connect', 'error.type': error, 'server.port': 9 };
    return (await read()).value('connmeter.connection.failed', of);
  };
  await until(counted, count => count >= COUNT);
  expect(await counted()).toBe(COUNT);
  expect((await read()).value('connmeter.connection.pending')).toBe(0);
});

test('an attempt that the program itself ends at once is not counted', async () => {
  const { read } = instrument();

  await new Promise<void>(resolve =>
    setTimeout(() => {
      net
        .connect({ host: '127.0.0.1', port: 9 })
        .on('error', () => {})
        .on('close', resolve)
        .destroy(new Error('never mind'));
    }, 5),
  );

  expect((await read()).value('connmeter.connection.failed')).toBe(0);
});
