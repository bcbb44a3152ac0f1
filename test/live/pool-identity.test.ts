import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { Socket } from 'node:net';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { describe, expect, onTestFinished, test } from 'vitest';
import { clientOf } from '../../src/client/attribution/pool-identity.ts';
import { subscribeAll } from '../../src/core/channels.ts';
import type { ConnectionInstrumentationConfig } from '../../src/options.ts';
import { certificate } from '../support/certificates.ts';
import { instrument } from '../support/instrument.ts';
import { type ServerOptions, server } from '../support/server.ts';

type Undici = typeof undici8;
type Dispatcher = undici8.Dispatcher;

/** All three versions have the same interface here, but their types are not compatible. */
const VERSIONS: [number, Undici][] = [
  [6, undici6 as unknown as Undici],
  [7, undici7 as unknown as Undici],
  [8, undici8],
];
const PARALLEL = 4;
const REQUESTS = 12;

/** Makes requests, several at a time, and returns the causes of the connections that were opened. */
async function causesOf(
  ask: (url: string) => Promise<unknown>,
  {
    parallel = PARALLEL,
    kind = 'http',
    ...config
  }: ConnectionInstrumentationConfig & { parallel?: number; kind?: ServerOptions['kind'] } = {},
): Promise<Record<string, number>> {
  const { port } = await server({ kind, ...(kind === 'https' && { certificate: await certificate() }) });
  const { read } = instrument(config);
  let left = REQUESTS;
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      while (left-- > 0) await ask(`${kind === 'https' ? 'https' : 'http'}://127.0.0.1:${port}`);
    }),
  );
  return (await read()).causes({ 'server.port': port });
}

const EACH_ITS_OWN = { first: 1, new_pool: REQUESTS - 1 };

describe.each(VERSIONS)('undici %i', (_major, { Agent, Client, Pool, request }) => {
  const open = new Set<Dispatcher>();
  const using = <T extends Dispatcher>(dispatcher: T): T => {
    if (open.size === 0) {
      onTestFinished(async () => {
        for (const each of open) await each.destroy();
        open.clear();
      });
    }
    open.add(dispatcher);
    return dispatcher;
  };
  const get = async (dispatcher: Dispatcher, url: string) => (await request(`${url}/`, { dispatcher })).body.text();

  test('the private property that is read is the client that opened the socket', async () => {
    const { port } = await server({ kind: 'http' });
    const sockets: Socket[] = [];
    const clients: unknown[] = [];
    const unsubscribe = subscribeAll((_where, run) => run, {
      'undici:client:connected': ({ socket }: { socket: Socket }) => void sockets.push(socket),
    });
    onTestFinished(unsubscribe);
    const agent = using(new Agent());
    agent.on('connect', (_origin, targets) => void clients.push(targets.at(-1)));

    await get(agent, `http://127.0.0.1:${port}`);

    expect(clients).toHaveLength(1);
    expect(sockets.map(clientOf)).toEqual(clients);
  });

  test.each<[string, (url: string) => Dispatcher]>([
    ['an agent', () => new Agent()],
    ['an agent with one connection per origin', () => new Agent({ connections: 1 })],
    ['a pool', url => new Pool(url)],
    ['a client', url => new Client(url)],
    ['a client with a connect function', url => new Client(url, { connect: undici8.buildConnector({}) as never })],
    ['a client with a listener of the program', url => new Client(url).on('connect', ignore)],
  ])('%s per request is a new pool each time', async (_what, create) => {
    const causes = await causesOf(url => get(using(create(url)), url));

    expect(causes).toEqual(EACH_ITS_OWN);
  });

  test('a shared agent is one pool, and an agent with one connection per origin opens one', async () => {
    const shared = using(new Agent());
    const causes = await causesOf(url => get(shared, url));

    expect(causes).toMatchObject({ first: 1 });
    expect(causes).not.toHaveProperty('new_pool');
    expect(causes).not.toHaveProperty('unknown');

    const single = using(new Agent({ connections: 1 }));

    expect(await causesOf(url => get(single, url))).toEqual({ first: 1 });
  });

  test('without the private property, what is not certain is unknown', async () => {
    const shared = using(new Agent());
    const causes = await causesOf(url => get(shared, url), { readUndiciInternals: false });

    expect(causes).toMatchObject({ first: 1 });
    expect(causes).not.toHaveProperty('new_pool');
  });
});

function ignore(): void {}

test.each([true, false])('fetch has one pool, with readUndiciInternals %s', async readUndiciInternals => {
  const causes = await causesOf(async url => (await fetch(url)).text(), { readUndiciInternals });

  expect(causes).toMatchObject({ first: 1 });
  expect(causes).not.toHaveProperty('new_pool');
  expect(causes).not.toHaveProperty('unknown');
});

describe('node:http', () => {
  const get = (url: string, agent: http.Agent | false) =>
    new Promise<void>((resolve, reject) => {
      http.get(url, { agent }, response => response.resume().on('end', resolve)).on('error', reject);
    });
  /** Connects after the turn of the request, as agent-base and all agents for proxies do. */
  class LateAgent extends http.Agent {
    override createConnection(options: never, callback: never): undefined {
      setImmediate(() => (callback as (e: null, s: unknown) => void)(null, super.createConnection(options)));
    }
  }

  test.each<[string, () => http.Agent | false]>([
    ['an agent', () => new http.Agent({ keepAlive: true })],
    ['an agent without keep-alive', () => new http.Agent()],
    ['an agent that connects later', () => new LateAgent({ keepAlive: true })],
    ['no agent', () => false],
  ])('%s per request is a new pool each time', async (_what, create) => {
    const agents: (http.Agent | false)[] = [];
    onTestFinished(() => {
      for (const agent of agents) if (agent) agent.destroy();
    });
    const causes = await causesOf(url => {
      const agent = create();
      agents.push(agent);
      return get(url, agent);
    });

    expect(causes).toEqual(EACH_ITS_OWN);
  });

  test('an https.Agent per request is a new pool each time', async () => {
    const agents: https.Agent[] = [];
    onTestFinished(() => {
      for (const agent of agents) agent.destroy();
    });
    const causes = await causesOf(
      url =>
        new Promise((resolve, reject) => {
          const agent = new https.Agent({ keepAlive: true, rejectUnauthorized: false });
          agents.push(agent);
          https.get(url, { agent }, response => response.resume().on('end', resolve)).on('error', reject);
        }),
      { kind: 'https' },
    );

    expect(causes).toEqual(EACH_ITS_OWN);
  });
});

test('http2.connect per message is a new pool each time', async () => {
  const sessions: http2.ClientHttp2Session[] = [];
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
  });
  const causes = await causesOf(
    url =>
      new Promise((resolve, reject) => {
        const session = http2.connect(url).on('error', reject);
        sessions.push(session);
        session.request({ ':path': '/' }).on('error', reject).on('end', resolve).resume();
      }),
    { kind: 'http2c' },
  );

  expect(causes).toEqual(EACH_ITS_OWN);
});
