import { once } from 'node:events';
import { Agent, request } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { METRICS_PATH, serveMetrics } from '../../src/register/metrics-server.ts';
import { ask, freePort } from '../support/child.ts';
import { until } from '../support/measuring.ts';

/** Served until the process of this file ends, as the real one is. */
async function serving(
  exposition = () => Promise.resolve('the metrics'),
  onFault: (fault: unknown) => void = fault => expect.unreachable(String(fault)),
): Promise<{ base: string; answered: () => number }> {
  const port = await freePort();
  let answers = 0;
  serveMetrics(
    { host: '127.0.0.1', port },
    () => {
      answers++;
      return exposition();
    },
    onFault,
    error => expect.unreachable(String(error)),
  );
  const base = `http://127.0.0.1:${port}`;
  await until(
    () =>
      ask(`${base}/ready`).then(
        ({ status }) => status,
        () => undefined,
      ),
    status => status === 404,
  );
  return { base, answered: () => answers };
}

test('GET of the path is answered, with or without a query', async () => {
  const { base } = await serving();

  expect(await ask(base + METRICS_PATH)).toMatchObject({ status: 200, body: 'the metrics' });
  expect(await ask(`${base + METRICS_PATH}?name[]=up`)).toMatchObject({ status: 200, body: 'the metrics' });
});

test('what is served says that it is the text format', async () => {
  const { base } = await serving();

  const { headers } = await ask(base + METRICS_PATH);

  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
});

test('where the text cannot be made the answer is 500 and says no more, and it is told each time', async () => {
  const faults: unknown[] = [];
  const secret = new Error('hunter2');
  const { base } = await serving(
    () => Promise.reject(secret),
    fault => void faults.push(fault),
  );

  expect(await ask(base + METRICS_PATH)).toMatchObject({ status: 500, body: '' });
  expect(await ask(base + METRICS_PATH)).toMatchObject({ status: 500, body: '' });
  expect(faults).toEqual([secret, secret]);
});

test('HEAD of the path is answered, without a body', async () => {
  const { base } = await serving();

  expect(await ask(base + METRICS_PATH, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
});

test.each(['/', '/metrics/', '/metricsandmore', '/Metrics', '/x?/metrics', '//metrics'])(
  'GET %s is not found',
  async path => {
    const { base, answered } = await serving();

    expect(await ask(base, { path })).toMatchObject({ status: 404, body: '' });
    expect(answered()).toBe(0);
  },
);

test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'])('%s of the path is not allowed', async method => {
  const { base, answered } = await serving();

  const refused = await ask(base + METRICS_PATH, { method });

  expect(refused).toMatchObject({ status: 405, body: '' });
  expect(refused.headers.allow).toBe('GET, HEAD');
  expect(answered()).toBe(0);
});

test('a refused POST that goes on sending does not disturb the next scrape', async () => {
  const { base } = await serving();
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const upload = request(base + METRICS_PATH, { method: 'POST', agent }).on('error', () => {});
  onTestFinished(() => void upload.destroy());
  upload.write('x'.repeat(100_000));

  const [response] = await once(upload, 'response');

  expect(response.statusCode).toBe(405);
  expect(await ask(base + METRICS_PATH)).toMatchObject({ status: 200 });
});

test('a taken port is told to the caller, and thrown at nobody', async () => {
  const holder = net.createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void holder.close());
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;

  const error = await new Promise<NodeJS.ErrnoException>(resolve =>
    serveMetrics(
      { host: '127.0.0.1', port },
      async () => '',
      () => {},
      resolve,
    ),
  );

  expect(error.code).toBe('EADDRINUSE');
});

test('a host that is not ours is told to the caller', async () => {
  const port = await freePort();

  const error = await new Promise<NodeJS.ErrnoException>(resolve =>
    // TEST-NET-1 (RFC 5737): no machine has it
    serveMetrics(
      { host: '192.0.2.1', port },
      async () => '',
      () => {},
      resolve,
    ),
  );

  expect(error.code).toBe('EADDRNOTAVAIL');
});
