import { once } from 'node:events';
import http, { type Agent, type IncomingMessage } from 'node:http';
import https from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import axios from 'axios';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { describe, expect, onTestFinished, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { programPath, start } from '../support/child.ts';
import { nextTurn } from '../support/connection-counts.ts';
import { instrument, type Readings } from '../support/instrument.ts';
import { proxy, type TestProxy } from '../support/proxy.ts';
import { server } from '../support/server.ts';
import { until } from '../support/until.ts';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
/** Node's own agents tunnel since 24.5, its fetch since 24.0. */
const agentsTunnel = major > 24 || (major === 24 && minor >= 5);
const fetchTunnels = major >= 24;

type Get = (url: string) => Promise<unknown>;

const trusting = { rejectUnauthorized: false };

/** Sends a request with node:https, and waits until its agent has the connection back. */
async function get(url: string, agent: Agent): Promise<number | undefined> {
  const [response] = (await once(https.get(url, { agent, ...trusting }), 'response')) as [IncomingMessage];
  await once(response.resume(), 'end');
  await nextTurn();
  return response.statusCode;
}

function undiciClient({ ProxyAgent, request }: typeof undici8) {
  return ({ url }: TestProxy): Get => {
    const dispatcher = new ProxyAgent({ uri: url, requestTls: trusting });
    onTestFinished(() => dispatcher.destroy());
    return async target => {
      await (await request(target, { dispatcher })).body.text();
      await nextTurn();
    };
  };
}

function nodesAgent({ url }: TestProxy): Get {
  const agent = new https.Agent({ keepAlive: true, ...({ proxyEnv: { HTTPS_PROXY: url } } as https.AgentOptions) });
  onTestFinished(() => agent.destroy());
  return target => get(target, agent);
}

/** Writes CONNECT to the socket itself, like https-proxy-agent. */
class TunnelAgent extends https.Agent {
  readonly #proxyPort: number;

  constructor(proxyPort: number) {
    super({ keepAlive: true, ...trusting });
    this.#proxyPort = proxyPort;
  }

  override createConnection(
    { host, port }: https.RequestOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const socket = net.connect(this.#proxyPort, '127.0.0.1', () => {
      socket.write(`CONNECT ${host}:${port} HTTP/1.1\r\n\r\n`);
      socket.once('data', () => callback?.(null, tls.connect({ socket, ...trusting })));
    });
    return undefined;
  }
}

function tunnelAgent({ port }: TestProxy): Get {
  const agent = new TunnelAgent(port);
  onTestFinished(() => agent.destroy());
  return target => get(target, agent);
}

/** Closes each connection after one request. It uses https-proxy-agent 5. */
function axiosClient({ port }: TestProxy): Get {
  const httpsAgent = new https.Agent(trusting);
  return target => axios.get(target, { proxy: { host: '127.0.0.1', port, protocol: 'http' }, httpsAgent });
}

const UNDICI: [string, (through: TestProxy) => Get][] = [
  ['undici 6', undiciClient(undici6 as unknown as typeof undici8)],
  ['undici 7', undiciClient(undici7 as unknown as typeof undici8)],
  ['undici 8', undiciClient(undici8)],
];
const NODE: typeof UNDICI = agentsTunnel ? [["Node's agent", nodesAgent]] : [];
const KEEPING: typeof UNDICI = [...UNDICI, ...NODE, ['an agent that writes CONNECT itself', tunnelAgent]];
const ALL: typeof UNDICI = [...UNDICI, ...NODE, ['axios', axiosClient]];

/** What the proxy's origin shows: the reasons of its closes, and its failures as `phase error.type`. */
function storyOf(readings: Readings, port: number) {
  const at = { 'server.port': port };
  const { opened, closed, active, idle } = readings.countsOf(port);
  const seen = (metric: string, ...labels: string[]) =>
    Object.fromEntries(
      readings
        .points(metric, at)
        .filter(({ value }) => value > 0)
        .map(({ attributes, value }) => [labels.map(label => attributes[label]).join(' '), value]),
    );
  return {
    opened,
    closed,
    active,
    idle,
    reasons: seen('connmeter.connection.closed', 'connmeter.close.reason'),
    failures: seen('connmeter.connection.failed', 'connmeter.phase', 'error.type'),
  };
}

/** A server in this process. `/slow` takes a while. */
async function secureTarget(): Promise<string> {
  const target = https.createServer({ ...(await certificate()), keepAliveTimeout: 60_000 }, ({ url }, response) => {
    setTimeout(() => response.end('hello'), url === '/slow' ? 300 : 0);
  });
  target.listen(0, '127.0.0.1');
  await once(target, 'listening');
  onTestFinished(() => {
    target.closeAllConnections();
    target.close();
  });
  return `https://localhost:${(target.address() as AddressInfo).port}/`;
}

describe.each(ALL)('%s', (name, client) => {
  test.each([407, 503])('a proxy that answers %i is a failure in the phase proxy', async status => {
    const refusing = await proxy(status);
    const { read } = instrument();
    const send = client(refusing);

    for (let i = 0; i < 3; i++) await send('https://localhost:9/').catch(() => {});

    const leavesOpen = name === "Node's agent"; // https.Agent does not close a connection whose tunnel was refused
    await expect
      .poll(async () => storyOf(await read(), refusing.port))
      .toEqual({
        opened: 3,
        closed: leavesOpen ? 0 : 3,
        active: 0,
        idle: leavesOpen ? 3 : 0,
        reasons: leavesOpen ? {} : { proxy_refused: 3 },
        failures: { [`proxy ${status}`]: 3 },
      });
    expect(refusing.accepted).toBe(3);
  });

  test('requests that a proxy refused were not sent to the target', async () => {
    const refusing = await proxy(503);
    const { read } = instrument();

    await client(refusing)('https://localhost:9/').catch(() => {});

    await expect.poll(async () => (await read()).value('connmeter.connection.failed')).toBe(1);
    expect((await read()).countsOf(9)).toMatchObject({ opened: 0, failed: 0, fresh: 0, reused: 0, requests: 0 });
  });
});

// undici 6 and 7 try again for ever.
test.each(ALL.filter(([name]) => name === 'undici 8' || name === "Node's agent"))(
  '%s: a proxy that closes without an answer is a failure in the phase proxy',
  async (_, client) => {
    const closing = await proxy('close');
    const { read } = instrument();

    await client(closing)('https://localhost:9/').catch(() => {});

    await expect
      .poll(async () => storyOf(await read(), closing.port))
      .toMatchObject({ opened: closing.accepted, reasons: { server_closed_active: closing.accepted } });
    const { failures } = storyOf(await read(), closing.port);
    expect(Object.values(failures)).toEqual([closing.accepted]);
    expect(Object.keys(failures).join()).toMatch(/^proxy /);
  },
);

describe.each(KEEPING)('%s', (_, client) => {
  test('a tunnel is idle between requests, and its end is the proxy’s', async () => {
    const tunnels = await proxy();
    const target = await secureTarget();
    const { read } = instrument();
    const send = client(tunnels);

    await send(target);
    await send(target);

    await expect
      .poll(async () => storyOf(await read(), tunnels.port))
      .toEqual({ opened: 1, closed: 0, active: 0, idle: 1, reasons: {}, failures: {} });

    const slow = send(`${target}slow`);
    await expect.poll(async () => storyOf(await read(), tunnels.port)).toMatchObject({ active: 1, idle: 0 });
    await slow;
    await expect.poll(async () => storyOf(await read(), tunnels.port)).toMatchObject({ active: 0, idle: 1 });
    expect(tunnels.accepted).toBe(1);

    await tunnels.endAll();

    await expect
      .poll(async () => storyOf(await read(), tunnels.port))
      .toMatchObject({ opened: 1, closed: 1, active: 0, idle: 0, reasons: { server_idle_close: 1 }, failures: {} });
  });
});

test.each<[string, (through: TestProxy) => Get]>([...KEEPING, ['axios', axiosClient]])(
  'a tunnel of an agent per request is a new pool each time: %s',
  async (_name, client) => {
    const tunnels = await proxy();
    const target = await secureTarget();
    const { read } = instrument();
    const threeTimes = async () => {
      for (let i = 0; i < 3; i++) await client(tunnels)(target);
    };
    await Promise.all(Array.from({ length: 4 }, threeTimes));

    expect(tunnels.accepted).toBe(12);
    expect((await read()).causes({ 'server.port': tunnels.port })).toEqual({ first: 1, new_pool: 11 });
  },
);

test.each([200, 503])('a CONNECT request of the program itself that is answered with %i', async status => {
  const answering = await proxy(status);
  const { read } = instrument();

  const request = http.request({ host: '127.0.0.1', port: answering.port, method: 'CONNECT', path: 'a.test:1' }).end();
  const [response, socket] = (await once(request, 'connect')) as [IncomingMessage, Socket];
  socket.destroy();

  expect(response.statusCode).toBe(status);
  await expect
    .poll(async () => storyOf(await read(), answering.port))
    .toEqual({
      opened: 1,
      closed: 1,
      active: 0,
      idle: 0,
      reasons: status === 200 ? { upgraded: 1 } : { proxy_refused: 1 },
      failures: status === 200 ? {} : { 'proxy 503': 1 },
    });
});

test.each([200, 503])(
  'a CONNECT request of the program itself, with undici, that is answered with %i',
  async status => {
    const answering = await proxy(status);
    const { read } = instrument();
    const client = new undici8.Client(answering.url);
    onTestFinished(() => client.destroy());

    const { statusCode, socket } = await client.connect({ path: 'a.test:1' });
    expect(statusCode).toBe(status);
    expect(storyOf(await read(), answering.port)).toMatchObject({
      opened: 1,
      closed: 0,
      active: status === 200 ? 1 : 0,
    });
    socket.destroy();

    await expect
      .poll(async () => storyOf(await read(), answering.port))
      .toMatchObject({
        opened: 1,
        closed: 1,
        reasons: status === 200 ? { upgraded: 1 } : { proxy_refused: 1 },
        failures: status === 200 ? {} : { 'proxy 503': 1 },
      });
  },
);

test('a refused CONNECT request that nobody listens to', async () => {
  const refusing = await proxy(407);
  const { read } = instrument();

  const request = http.request({ host: '127.0.0.1', port: refusing.port, method: 'CONNECT', path: 'a.test:1' });
  request.on('error', () => {}).end();

  await expect
    .poll(async () => storyOf(await read(), refusing.port))
    .toMatchObject({ opened: 1, closed: 1, reasons: { proxy_refused: 1 }, failures: { 'proxy 407': 1 } });
});

test('axios sends requests for http through a proxy to the proxy', async () => {
  const { port } = await server({ kind: 'http' });
  const { read } = instrument();

  for (let i = 0; i < 3; i++) {
    await axios.get('http://target.test/', { proxy: { host: '127.0.0.1', port, protocol: 'http' } });
    await nextTurn();
  }

  const readings = await read();
  expect(readings.countsOf(port)).toMatchObject({ opened: 1, fresh: 1, reused: 2 });
  expect(readings.points('connmeter.requests', { 'server.address': 'target.test' })).toEqual([]);
});

describe.runIf(fetchTunnels)('fetch, with the proxy of the environment', () => {
  /** Starts a program that fetches, once per call of the function that is returned. */
  async function fetching(through: TestProxy, target: string) {
    const env = {
      NODE_USE_ENV_PROXY: '1',
      HTTPS_PROXY: through.url,
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
      NODE_NO_WARNINGS: '1',
    };
    const program = start(programPath('fetch-through-proxy.ts'), { args: [target, through.port], env });
    let tries = 0;
    return async () => {
      if (tries++ > 0) program.writeLine('');
      const lines = await until(
        () => program.said.stdout.split('\n'),
        printed => printed.length > tries,
        20_000,
      );
      return JSON.parse(lines[tries - 1] ?? '');
    };
  }

  test('a proxy that refuses is a failure in the phase proxy', async () => {
    const refusing = await proxy(503);
    const send = await fetching(refusing, 'https://localhost:4443/');

    await send();
    expect(await send()).toMatchObject([
      {
        http: true,
        closed: [{ reason: 'proxy_refused', count: 2 }],
        failed: [{ phase: 'proxy', errorType: '503', count: 2 }],
      },
    ]);
  });

  test('the end of an idle tunnel is the proxy’s', async () => {
    const tunnels = await proxy();
    const send = await fetching(tunnels, await secureTarget());

    expect(await send()).toMatchObject([{ http: true, closed: [] }]);

    await tunnels.endAll();

    expect(await send()).toMatchObject([{ closed: [{ reason: 'server_idle_close', count: 1 }], failed: [] }]);
    expect(tunnels.accepted).toBe(2);
  });
});
