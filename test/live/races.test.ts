import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo, type Socket } from 'node:net';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { describe, expect, onTestFinished, test } from 'vitest';
import { instrument } from '../support/instrument.ts';

// Two sides may close an idle connection, and a request that is sent at that moment fails. The servers here are the truth.

type Undici = typeof undici8;

/** Sends a request, and resolves to whether it was answered. */
type Ask = (url: string) => Promise<boolean>;

function withUndici({ Agent, request }: Undici): () => Ask {
  return () => {
    const dispatcher = new Agent({ keepAliveTimeout: 60_000 });
    onTestFinished(() => dispatcher.destroy());
    return async url => {
      try {
        await (await request(url, { dispatcher })).body.text();
        return true;
      } catch {
        return false;
      }
    };
  };
}

function withNode(): Ask {
  const agent = new http.Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  return url =>
    new Promise(resolve => {
      const request = http.get(url, { agent }, response => {
        response.resume().on('close', () => resolve(response.complete));
      });
      request.on('error', () => resolve(false));
    });
}

const CLIENTS: readonly (readonly [string, () => Ask])[] = [
  ['undici 6', withUndici(undici6 as unknown as Undici)],
  ['undici 7', withUndici(undici7 as unknown as Undici)],
  ['undici 8', withUndici(undici8)],
  ['node:http', withNode],
];

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** A server that does something with each request: the nth of its connection. */
async function serverThat(handle: (socket: Socket, nth: number) => void): Promise<{ url: string; port: number }> {
  const sockets = new Set<Socket>();
  const server = net.createServer(socket => {
    sockets.add(socket);
    let nth = 0;
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.on('data', () => handle(socket, ++nth));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}/` };
}

describe.each(CLIENTS)('%s', (_name, client) => {
  test.each([
    ['closed', (socket: Socket) => socket.end()],
    ['reset', (socket: Socket) => socket.resetAndDestroy()],
    ['closed', (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')],
  ] as const)('requests that are %s on new and on used connections, as many as at the server', async (how, end) => {
    const failed = { fresh: 0, reused: 0 };
    const { url, port } = await serverThat((socket, nth) => {
      if (Math.random() < 0.5) socket.write(ANSWER);
      else {
        failed[nth > 1 ? 'reused' : 'fresh']++;
        end(socket);
      }
    });
    const { read } = instrument();
    const ask = client();
    let lost = 0;
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        for (let i = 0; i < 10; i++) if (!(await ask(url))) lost++;
      }),
    );

    expect(lost).toBe(failed.fresh + failed.reused);
    await expect
      .poll(async () => {
        const points = (await read()).points('connmeter.requests.failed', { 'server.port': port });
        const seen = { fresh: 0, reused: 0, others: 0 };
        for (const { attributes, value } of points) {
          if (attributes['error.type'] !== how) seen.others += value;
          else seen[attributes['connmeter.connection.reused'] ? 'reused' : 'fresh'] += value;
        }
        return seen;
      })
      .toEqual({ ...failed, others: 0 });
  });

  test('requests that the program gives up have not failed', async () => {
    const { url, port } = await serverThat(() => {});
    const { read } = instrument();
    const given = new AbortController();
    const agent = new http.Agent({ keepAlive: true });
    const request = http.get(url, { agent, signal: given.signal }).on('error', () => {});
    const answer = undici8.request(url, { signal: given.signal }).catch(() => {});
    await once(request, 'socket');
    await expect.poll(async () => (await read()).countsOf(port).opened).toBe(2);
    given.abort();
    await answer;

    await expect.poll(async () => (await read()).countsOf(port).closed).toBe(2);
    const points = (await read()).points('connmeter.requests.failed', { 'server.port': port });
    expect(points.filter(({ value }) => value > 0)).toEqual([]);
  });

  test('the idle limit of a server is learned from its closes', async () => {
    const ages: number[] = [];
    const { url, port } = await serverThat(socket => {
      const answered = performance.now();
      socket.write(ANSWER, () => {
        setTimeout(() => {
          socket.end();
          ages.push((performance.now() - answered) / 1000);
        }, 1_000);
      });
    });
    const { instrumentation, read } = instrument();
    const ask = client();
    await Promise.all(Array.from({ length: 24 }, () => ask(url)));

    const at = { 'server.port': port };
    expect((await read()).points('connmeter.connection.idle_limit', at)).toEqual([]);
    await expect.poll(async () => (await read()).countsOf(port).closed, { timeout: 5_000 }).toBe(24);

    const readings = await read();
    const [learned] = readings.points('connmeter.connection.idle_limit', at);
    const truth = ages.toSorted((a, b) => a - b)[6] as number;
    expect(Math.abs((learned?.value ?? 0) - truth)).toBeLessThan(0.05 * truth);
    expect(
      readings
        .points('connmeter.connection.idle_time', at)
        .map(({ attributes, value }) => [attributes['connmeter.idle.end'], value]),
    ).toEqual([['server', 24]]);
    expect(instrumentation.connections.snapshot().advice).toMatchObject([
      { kind: 'client_idle_timeout', port, observations: 24 },
    ]);
  });

  test('how long a connection was idle before the next request', async () => {
    const { url, port } = await serverThat(socket => void socket.write(ANSWER));
    const { read } = instrument();
    const ask = client();
    for (const pause of [0, 250, 0, 250, 0]) {
      await ask(url);
      await new Promise(resolve => setTimeout(resolve, pause));
    }

    const [idle] = (await read()).points('connmeter.connection.idle_time', { 'server.port': port });
    expect(idle).toMatchObject({ value: 2, attributes: { 'connmeter.idle.end': 'reused' } });
    expect(idle?.sum).toBeGreaterThan(0.49);
    expect(idle?.sum).toBeLessThan(0.9);
  });
});

test('streams of HTTP/2 that the server resets, or whose session it ends', async () => {
  const server = http2.createServer();
  server.on('stream', (stream, { ':path': path }) => {
    stream.on('error', () => {});
    if (path === '/bad') stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    else if (path === '/end') stream.session?.destroy();
    else if (path === '/wait') return;
    else {
      stream.respond();
      stream.end('ok');
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { read } = instrument();
  const session = http2.connect(`http://127.0.0.1:${port}`).on('error', () => {});
  onTestFinished(() => {
    session.destroy();
    server.close();
  });
  const ask = (path: string) =>
    new Promise<void>(resolve => {
      session
        .request({ ':path': path })
        .on('error', () => {})
        .on('close', resolve)
        .resume();
    });
  await ask('/bad');
  await ask('/good');
  await ask('/bad');
  for (const giveUp of [
    (each: http2.ClientHttp2Stream) => each.close(http2.constants.NGHTTP2_CANCEL),
    (each: http2.ClientHttp2Stream) => each.destroy(new Error('enough')),
  ]) {
    const given = session.request({ ':path': '/wait' }).on('error', () => {});
    await once(server, 'stream');
    const closed = new Promise(resolve => given.on('close', resolve));
    giveUp(given);
    await closed;
  }
  await Promise.all([ask('/wait'), ask('/end')]);

  const points = (await read()).points('connmeter.requests.failed', { 'server.port': port });
  expect(
    points
      .filter(({ value }) => value > 0)
      .map(
        ({ attributes, value }) => `${attributes['connmeter.connection.reused']} ${attributes['error.type']} ${value}`,
      )
      .toSorted(),
  ).toEqual(['false reset 1', 'true closed 2', 'true reset 1']);
});
