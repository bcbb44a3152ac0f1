import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, type ClientName, repeat } from './clients.ts';

export interface Scenario {
  readonly description: string;
  readonly clients: readonly ClientName[];
  /** It takes more than three seconds, so the short form leaves it out. */
  readonly slow?: true;
  readonly servers?: { readonly count?: number; readonly kind?: 'https' | 'h2c'; readonly keepAliveTimeout?: number };
  play(client: Client, parallel: number): Promise<void>;
}

const UNDICI: readonly ClientName[] = ['undici6', 'undici7', 'undici8', 'fetch'];
/** Clients whose module exports `Client`. Not fetch, which takes no Client of another origin. */
const NPM_UNDICI: readonly ClientName[] = ['undici6', 'undici7', 'undici8'];
/** undici 6 has no `clientTtl`. */
const WITH_TTL: readonly ClientName[] = ['undici7', 'undici8', 'fetch'];
const HTTP: readonly ClientName[] = ['http'];
const LATE: readonly ClientName[] = ['http-late', 'http-base'];
/** All but HTTP/2. */
const ALL: readonly ClientName[] = [...UNDICI, ...HTTP, ...LATE];

/** Enough connections that one of them is less than 1 %. */
const CALLS = 120;

/** The program's own listener, the same for all Clients. */
const ownListener = () => {};

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  agent_per_request_open: {
    description: 'An agent per request, never closed',
    clients: ALL,
    play: (client, parallel) => repeat(parallel, CALLS, () => client.agent().get()),
  },

  agent_per_request_closed: {
    description: 'An agent per request, closed after it',
    clients: ALL,
    play: (client, parallel) =>
      repeat(parallel, CALLS, async () => {
        const agent = client.agent();
        await agent.get();
        await agent.close();
      }),
  },

  client_per_request_closed: {
    description: 'A Client per request, closed after it',
    clients: NPM_UNDICI,
    play: (client, parallel) =>
      repeat(parallel, CALLS, async () => {
        const single = client.single();
        await single.get();
        await single.close();
      }),
  },

  pool_per_10_closed: {
    description: 'An agent for every 10 requests, closed after them',
    clients: ALL,
    play: (client, parallel) =>
      repeat(parallel, Math.max(12, 3 * parallel), async () => {
        const agent = client.agent();
        for (let i = 0; i < 10; i++) {
          await agent.get();
          await sleep(2);
        }
        await agent.close();
      }),
  },

  shared: {
    description: 'One shared agent',
    clients: ALL,
    play(client, parallel) {
      const shared = client.shared();
      return repeat(parallel, CALLS, () => shared.get());
    },
  },

  keepalive_off: {
    description: 'One shared agent without keep-alive',
    clients: ALL,
    play(client, parallel) {
      const agent = client.agent({ keepAlive: false });
      return repeat(parallel, CALLS, () => agent.get());
    },
  },

  server_close: {
    description: 'One shared agent, and a server that answers `Connection: close`',
    clients: ALL,
    play(client, parallel) {
      const shared = client.shared();
      return repeat(parallel, CALLS, () => shared.get({ what: 'close' }));
    },
  },

  client_ttl: {
    description: 'One shared agent with a short `clientTtl`',
    clients: WITH_TTL,
    play(client, parallel) {
      const agent = client.agent({ undici: { clientTtl: 25 } });
      return repeat(parallel, CALLS, () => agent.get(), 4);
    },
  },

  client_ttl_slow: {
    description: 'The same, with 40 ms between requests',
    slow: true,
    clients: WITH_TTL,
    play(client, parallel) {
      const agent = client.agent({ undici: { clientTtl: 25 } });
      return repeat(parallel, Math.max(20, 3 * parallel), () => agent.get(), 40);
    },
  },

  max_requests: {
    description: 'One shared agent with `maxRequestsPerClient: 5`',
    clients: UNDICI,
    play(client, parallel) {
      const agent = client.agent({ undici: { maxRequestsPerClient: 5 } });
      return repeat(parallel, 4 * CALLS, () => agent.get());
    },
  },

  aborted: {
    description: 'One shared agent, and every third request is aborted',
    clients: ALL,
    play(client, parallel) {
      const shared = client.shared();
      return repeat(parallel, CALLS, index =>
        index % 3 > 0 ? shared.get({ ms: 5 }) : shared.get({ ms: 60, signal: AbortSignal.timeout(15) }),
      );
    },
  },

  idle_bursts: {
    description: 'One shared agent that closes its idle connections between bursts',
    slow: true,
    clients: UNDICI,
    async play(client, parallel) {
      const agent = client.agent({
        undici: { keepAliveTimeout: 15, keepAliveTimeoutThreshold: 1, keepAliveMaxTimeout: 15 },
      });
      for (let i = 0; i < 6; i++) {
        await repeat(parallel, parallel, () => agent.get());
        await sleep(1_200); // undici checks its timeouts about once a second
      }
    },
  },

  three_agents: {
    description: 'Three long-lived agents, used in turn',
    clients: ALL,
    play(client, parallel) {
      const agents = [client.agent(), client.agent(), client.agent()];
      return repeat(parallel, CALLS, async index => agents[index % 3]?.get(), 3);
    },
  },

  many_origins: {
    description: 'One shared agent, three origins',
    clients: ALL,
    servers: { count: 3 },
    play(client, parallel) {
      const shared = client.shared();
      return repeat(parallel, CALLS, index => shared.get({ server: index % 3 }));
    },
  },

  agent_per_request_server_idle: {
    description: 'An agent per request, and a server that closes its idle connection before the next request',
    clients: ALL,
    servers: { keepAliveTimeout: 20 },
    play: (client, parallel) =>
      repeat(parallel, Math.max(30, 6 * parallel), () => client.agent().get({ what: 'quiet' }), 60),
  },

  agent_per_request_server_idle_later: {
    description: 'The same, but the server closes them only after other requests',
    clients: ALL,
    servers: { keepAliveTimeout: 40 },
    play: (client, parallel) => repeat(parallel, CALLS, () => client.agent().get({ what: 'quiet' }), 10),
  },

  clients_with_listener: {
    description: 'A Client per request with a `connect` listener of the program, closed after it',
    clients: NPM_UNDICI,
    play: (client, parallel) =>
      repeat(parallel, CALLS, async () => {
        const single = client.single(ownListener);
        await single.get();
        await single.close();
      }),
  },

  clients_kept_with_listener: {
    description: 'Three long-lived Clients with such a listener, and a server that closes every fourth connection',
    clients: NPM_UNDICI,
    play(client, parallel) {
      const clients = [client.single(ownListener), client.single(ownListener), client.single(ownListener)];
      return repeat(parallel, CALLS, async index => clients[index % 3]?.get({ what: index % 4 ? 'reply' : 'close' }));
    },
  },

  one_connection: {
    description: 'One shared agent with one connection, and a server that closes it after every fourth request',
    clients: [...UNDICI, ...HTTP],
    play(client, parallel) {
      const agent = client.agent({ connections: 1 });
      return repeat(parallel, CALLS, index => agent.get({ what: index % 4 ? 'reply' : 'close' }));
    },
  },

  one_connection_per_request: {
    description: 'An agent with one connection per request, closed after it',
    clients: ALL,
    play: (client, parallel) =>
      repeat(parallel, CALLS, async () => {
        const agent = client.agent({ connections: 1 });
        await agent.get();
        await agent.close();
      }),
  },

  limited: {
    description: 'One shared agent with three connections, and a server that closes every fourth one',
    clients: ALL,
    play(client, parallel) {
      const agent = client.agent({ connections: 3 });
      return repeat(parallel, CALLS, index => agent.get({ what: index % 4 ? 'reply' : 'close' }));
    },
  },

  max_idle: {
    description: 'One shared agent that keeps one idle connection, and bursts',
    clients: [...HTTP, ...LATE],
    async play(client, parallel) {
      const agent = client.agent({ maxIdle: 1 });
      for (let i = 0; i < 6; i++) {
        await repeat(parallel, parallel, () => agent.get());
        await sleep(10);
      }
    },
  },

  server_idle: {
    description: 'One shared agent, and a server that closes idle connections between requests',
    clients: ALL,
    servers: { keepAliveTimeout: 20 },
    play(client, parallel) {
      const shared = client.shared();
      return repeat(parallel, Math.max(30, 6 * parallel), () => shared.get({ what: 'quiet' }), 60);
    },
  },

  client_ttl_dropped: {
    description:
      'One shared agent with `clientTtl`, whose pool is dropped now and then as the server closes everything',
    clients: WITH_TTL,
    servers: { keepAliveTimeout: 30 },
    async play(client, parallel) {
      const agent = client.agent({ undici: { clientTtl: 25 } });
      for (let i = 0; i < 10; i++) {
        await repeat(parallel, 4 * parallel, () => agent.get({ what: 'quiet' }), 8);
        await sleep(80);
      }
    },
  },

  agents_in_turn: {
    description: 'Five long-lived agents: first used one after another, then in turn',
    clients: ALL,
    async play(client, parallel) {
      const agents = Array.from({ length: 5 }, () => client.agent());
      for (const agent of agents) await repeat(parallel, 20, () => agent.get(), 2);
      await repeat(parallel, CALLS, async index => agents[index % 5]?.get({ what: index % 6 ? 'reply' : 'close' }), 2);
    },
  },

  agent_per_request_beside_shared: {
    description:
      'Every third request through an agent of its own, closed after it, and the others through a shared one',
    clients: ALL,
    play(client, parallel) {
      const shared = client.shared();
      return repeat(parallel, 3 * CALLS, async index => {
        if (index % 3 > 0) return shared.get({ what: index % 8 ? 'reply' : 'close' });
        const agent = client.agent();
        await agent.get();
        await agent.close();
      });
    },
  },

  https_shared: {
    description: 'One shared agent, over TLS',
    clients: [...UNDICI, ...HTTP],
    servers: { kind: 'https' },
    play(client, parallel) {
      const shared = client.shared();
      return repeat(parallel, CALLS, () => shared.get());
    },
  },

  https_agent_per_request: {
    description: 'An agent per request, over TLS, never closed',
    clients: [...UNDICI, ...HTTP],
    servers: { kind: 'https' },
    play: (client, parallel) => repeat(parallel, CALLS, () => client.agent().get()),
  },

  http2_session_per_request: {
    description: '`http2.connect` per request, never closed',
    clients: ['http2'],
    servers: { kind: 'h2c' },
    play: (client, parallel) => repeat(parallel, CALLS, () => client.agent().get()),
  },

  http2_session_per_request_closed: {
    description: '`http2.connect` per request, closed after it',
    clients: ['http2'],
    servers: { kind: 'h2c' },
    play: (client, parallel) =>
      repeat(parallel, CALLS, async () => {
        const session = client.agent();
        await session.get();
        await session.close();
      }),
  },
};
