import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { MAX_AGE } from '../../src/register/exposition.ts';
import { METRICS_PATH } from '../../src/register/metrics-server.ts';
import { httpRequest } from '../support/http-request.ts';
import { startMetricsServer } from '../support/metrics-server.ts';

test('GET /metrics is served with or without a query', async () => {
  const { base } = await startMetricsServer();

  expect(await httpRequest(base + METRICS_PATH)).toMatchObject({ status: 200, body: 'the metrics' });
  expect(await httpRequest(`${base + METRICS_PATH}?name[]=up`)).toMatchObject({ status: 200, body: 'the metrics' });
});

test('the content type is the Prometheus text format', async () => {
  const { base } = await startMetricsServer();

  const { headers } = await httpRequest(base + METRICS_PATH);

  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
});

test('a failed collection is answered with 500 and no details', async () => {
  const faults: unknown[] = [];
  const secret = new Error('hunter2');
  const { base } = await startMetricsServer({
    make: () => Promise.reject(secret),
    onFault: fault => faults.push(fault),
  });

  expect(await httpRequest(base + METRICS_PATH)).toMatchObject({ status: 500, body: '' });
  expect(faults).toEqual([secret]);
});

test('HEAD never collects, and has the Content-Length of an available text', async () => {
  const { base, collected } = await startMetricsServer();
  const head = () => httpRequest(base + METRICS_PATH, { method: 'HEAD' });

  const before = await head();
  expect(collected()).toBe(0);
  const get = await httpRequest(base + METRICS_PATH);
  const after = await head();

  const known = (headers: object) => ({ ...headers, date: undefined });
  expect(before).toMatchObject({ status: 200, body: '' });
  expect(known(before.headers)).toEqual({ ...known(get.headers), 'content-length': undefined });
  expect(after).toMatchObject({ status: 200, body: '' });
  expect(known(after.headers)).toEqual(known(get.headers));
  expect(collected()).toBe(1);
});

test.each([
  ['gzip', true],
  ['deflate, GZIP;q=0.5', true],
  ['br,gzip', true],
  ['gzip;q=0', false],
  ['gzip;q=0.000, br', false],
  ['identity', false],
  ['xgzip', false],
  [undefined, false],
])('with Accept-Encoding %j the text is compressed: %j', async (accepted, compressed) => {
  const { base, collected } = await startMetricsServer();
  const headers = accepted === undefined ? {} : { 'accept-encoding': accepted };
  const sent = request(base + METRICS_PATH, { headers, agent: new Agent() }).end();

  const [response] = await once(sent, 'response');
  const body = await buffer(response);

  expect(response.headers['content-encoding']).toBe(compressed ? 'gzip' : undefined);
  expect(response.headers.vary).toBe('accept-encoding');
  expect(String(compressed ? gunzipSync(body) : body)).toBe('the metrics');
  expect(collected()).toBe(1);
});

test.each(['/', '/metrics/', '/metricsandmore', '/Metrics', '/x?/metrics', '//metrics'])(
  'GET %s is not found',
  async path => {
    const { base, collected } = await startMetricsServer();

    expect(await httpRequest(base, { path })).toMatchObject({ status: 404, body: '' });
    expect(collected()).toBe(0);
  },
);

test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'])('%s of the path is not allowed', async method => {
  const { base, collected } = await startMetricsServer();

  const refused = await httpRequest(base + METRICS_PATH, { method });

  expect(refused).toMatchObject({ status: 405, body: '' });
  expect(refused.headers.allow).toBe('GET, HEAD');
  expect(collected()).toBe(0);
});

test('a rejected POST that keeps sending does not affect the next scrape', async () => {
  const { base } = await startMetricsServer();
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const upload = request(base + METRICS_PATH, { method: 'POST', agent }).on('error', () => {});
  onTestFinished(() => void upload.destroy());
  upload.write('x'.repeat(100_000));

  const [response] = await once(upload, 'response');

  expect(response.statusCode).toBe(405);
  expect(await httpRequest(base + METRICS_PATH)).toMatchObject({ status: 200 });
});

test('a Host that is not allowed gets 403, and the response names the variable to set', async () => {
  const { base, collected } = await startMetricsServer({ allowed: ['metrics.test'] });

  const refused = await httpRequest(base + METRICS_PATH, { headers: { host: 'evil.test:80' } });

  expect(refused.status).toBe(403);
  expect(refused.body).toMatch(/^[^\n]*CONNMETER_ALLOWED_HOSTS[^\n]*\n$/);
  expect(refused.body).not.toContain('evil');
  expect(collected()).toBe(0);
  expect(await httpRequest(base + METRICS_PATH, { headers: { host: 'metrics.test:80' } })).toMatchObject({
    status: 200,
  });
});

test('a client that reads slowly gets the text that it asked for, although others have got newer ones', async () => {
  let made = 0;
  const make = async () => {
    const letter = String.fromCharCode('a'.charCodeAt(0) + made++);
    return Array.from({ length: 16 }, () => letter.repeat(262_144)); // more than the socket buffers hold
  };
  const { base } = await startMetricsServer({ make });
  const slow = request(`${base}${METRICS_PATH}`).end();
  const [response] = await once(slow, 'response');
  for (const letter of 'bcd') {
    await wait(MAX_AGE + 50);
    expect(String((await httpRequest(`${base}${METRICS_PATH}`)).body)[0]).toBe(letter);
  }

  expect(new Set(String(await buffer(response)))).toEqual(new Set('a'));
});
