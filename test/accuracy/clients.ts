// The clients of the plays. Each makes dispatchers that mark their requests, so that the server sees which of them opened a
// connection. Marking changes nothing that connmeter looks at: requests have another path, and connections of undici a local
// address of their own (127.1.0.1, ...). The Clients of undici get no listeners, because connmeter reads theirs.
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as undici8 from 'undici';
import type { Log } from './log.ts';

export const CLIENTS = ['undici6', 'undici7', 'undici8', 'fetch', 'http', 'http-late', 'http-base', 'http2'] as const;
export type ClientName = (typeof CLIENTS)[number];

type Undici = typeof undici8;

/** Options that both undici and node:http have, and options of undici's Agent. */
export interface AgentOptions {
  /** Default: true. */
  readonly keepAlive?: boolean;
  /** At most this many connections. */
  readonly connections?: number;
  /** At most this many idle connections. node:http only. */
  readonly maxIdle?: number;
  readonly undici?: undici8.Agent.Options & { readonly clientTtl?: number };
}

export interface RequestOptions {
  /** What the server does, see server.ts. Default: `reply`. */
  readonly what?: 'reply' | 'close' | 'quiet';
  /** How long the server takes, in milliseconds. Default: 3. */
  readonly ms?: number;
  readonly signal?: AbortSignal;
  /** Which of the servers. Default: the first. */
  readonly server?: number;
}

/** A dispatcher of undici, an agent of node:http, or a session of HTTP/2. */
export interface Sender {
  /** Sends a request, and reads the body to its end. */
  get(options?: RequestOptions): Promise<void>;
  close(): Promise<void>;
}

/** Makes dispatchers, as a program would. */
export interface Client {
  /** The pool for a whole program: for `fetch` the global one, else an agent. */
  shared(): Sender;
  agent(options?: AgentOptions): Sender;
  /** A bare Client of undici. `listener` is added to its event `connect`, as a program does it. */
  single(listener?: () => void): Sender;
}

export interface Setting {
  readonly ports: readonly number[];
  readonly secure: boolean;
  /** Marks connections of undici by local addresses, and listens to `connect` of its Agents. Otherwise, only paths are marked. */
  readonly markConnections: boolean;
  readonly log: Log;
}

/** The owner of connections from a local address, if the address belongs to one dispatcher. */
export type Owners = Map<string, string>;

export async function makeClient(name: ClientName, setting: Setting): Promise<{ client: Client; owners: Owners }> {
  const owners: Owners = new Map();
  let count = 0;
  const nextName = () => `d${++count}`;
  const scheme = setting.secure ? 'https' : 'http';
  const urlOf = (sender: string, { what = 'reply', ms = 3, server = 0 }: RequestOptions) =>
    `${scheme}://127.0.0.1:${setting.ports[server]}/${sender}/${what}?ms=${ms}`;

  if (name === 'http2') return { client: http2Client(setting, nextName, urlOf), owners };
  if (name.startsWith('http')) return { client: httpClient(name, setting, nextName, urlOf), owners };

  const isFetch = name === 'fetch';
  if (isFetch) await fetch('data:,'); // the undici that loads first sets the global dispatcher
  const undici = await importUndici(isFetch ? majorOfNode() : name.slice(-1));
  const send = isFetch ? (globalThis.fetch as unknown as Undici['fetch']) : undici.fetch;
  const read = async (url: string, init: undici8.RequestInit) => void (await (await send(url, init)).text());

  /** A name, and the options that give its connections a local address. */
  const mark = () => {
    const sender = nextName();
    const tls = setting.secure ? { rejectUnauthorized: false } : undefined;
    if (!setting.markConnections) return { sender, connect: tls };

    const localAddress = `127.1.${count >> 8}.${count & 255}`;
    owners.set(localAddress, sender);
    return { sender, connect: { localAddress, ...tls } };
  };
  const agent = ({ keepAlive, connections, undici: own }: AgentOptions = {}): Sender => {
    const { sender, connect } = mark();
    const dispatcher = new undici.Agent({
      ...(keepAlive === false && { pipelining: 0 }),
      ...(connections !== undefined && { connections }),
      ...own,
      ...(connect && { connect }),
    });
    if (setting.markConnections) setting.log.watch(dispatcher);
    return {
      get: (options = {}) => read(urlOf(sender, options), { dispatcher, ...signalOf(options) }),
      close: () => dispatcher.close(),
    };
  };
  const client: Client = {
    agent,
    shared() {
      if (!isFetch || setting.secure) return agent();

      const sender = nextName();
      if (setting.markConnections) setting.log.watch(globalDispatcher());
      return { get: (options = {}) => read(urlOf(sender, options), signalOf(options)), close: async () => {} };
    },
    single(listener) {
      const { sender, connect } = mark();
      const single = new undici.Client(new URL(urlOf(sender, {})).origin, connect && { connect });
      if (listener) single.on('connect', listener);
      return {
        async get(options = {}) {
          const { pathname, search } = new URL(urlOf(sender, options));
          const { body } = await single.request({ path: pathname + search, method: 'GET', ...signalOf(options) });
          await body.text();
        },
        close: () => single.close(),
      };
    },
  };
  return { client, owners };
}

type UrlOf = (sender: string, options: RequestOptions) => string;

function httpClient(name: ClientName, { secure, log }: Setting, nextName: () => string, urlOf: UrlOf): Client {
  const { get, Agent } = secure ? https : http;
  const Class = name === 'http-late' ? LateAgent : name === 'http-base' ? BaseAgent : Agent;
  const agent = ({ keepAlive = true, connections = Infinity, maxIdle = 256 }: AgentOptions = {}): Sender => {
    const sender = nextName();
    const options = { keepAlive, maxSockets: connections, maxFreeSockets: maxIdle };
    const agent = new Class({ ...options, ...(secure && { rejectUnauthorized: false }) });
    log.watchAgent(agent);
    return {
      get: (options = {}) =>
        new Promise((resolve, reject) => {
          get(urlOf(sender, options), { agent, ...signalOf(options) }, response => {
            response.resume().on('end', resolve).on('error', reject);
          }).on('error', reject);
        }),
      async close() {
        agent.destroy();
      },
    };
  };
  return { agent, shared: () => agent(), single: notHere };
}

/** Connects a millisecond after it was asked to, as agents do that first look something up. */
class LateAgent extends http.Agent {
  override createConnection(options: http.ClientRequestArgs, callback?: (error: Error | null, stream: Duplex) => void) {
    setTimeout(() => {
      const socket = net.connect(options as net.NetConnectOpts);
      socket.once('connect', () => callback?.(null, socket)).once('error', error => callback?.(error, socket));
    }, 1);
    return undefined;
  }
}

/** How the packages on agent-base connect: they replace `createSocket`, connect in a microtask, and hand the socket over. */
class BaseAgent extends http.Agent {
  #socket: Socket | undefined;

  createSocket(request: http.ClientRequest, options: object, callback: (error: Error | null, socket?: Socket) => void) {
    Promise.resolve()
      .then(() => net.connect(options as net.NetConnectOpts))
      .then(socket => {
        this.#socket = socket;
        (http.Agent.prototype as unknown as BaseAgent).createSocket.call(this, request, options, callback);
      }, callback);
  }

  override createConnection() {
    const socket = this.#socket;
    this.#socket = undefined;
    return socket;
  }
}

function http2Client({ ports }: Setting, nextName: () => string, urlOf: UrlOf): Client {
  const agent = (): Sender => {
    const sender = nextName();
    const session = http2.connect(`http://127.0.0.1:${ports[0]}`);
    session.on('error', () => {});
    return {
      get: (options = {}) =>
        new Promise((resolve, reject) => {
          const { pathname, search } = new URL(urlOf(sender, options));
          session
            .request({ ':path': pathname + search })
            .on('error', reject)
            .on('end', resolve)
            .resume();
        }),
      close: () => new Promise(resolve => session.close(resolve)),
    };
  };
  return { agent, shared: agent, single: notHere };
}

function notHere(): never {
  throw new Error('only undici has Clients');
}

function signalOf({ signal }: RequestOptions): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}

function majorOfNode(): string {
  return (process.versions['undici'] ?? '').split('.')[0] ?? '';
}

async function importUndici(major: string): Promise<Undici> {
  return (await import(major === '8' ? 'undici' : `undici${major}`)) as Undici;
}

/** The dispatcher that plain `fetch` uses. Node publishes it under these names. */
function globalDispatcher(): undici8.Dispatcher {
  const all = globalThis as unknown as Record<symbol, undici8.Dispatcher | undefined>;
  const found = all[Symbol.for('undici.globalDispatcher.2')] ?? all[Symbol.for('undici.globalDispatcher.1')];
  if (found === undefined) throw new Error('no global dispatcher');
  return found;
}

/** Lets `parallel` workers make `calls` calls. Calls may fail, which is part of some scenarios. */
export async function repeat(
  parallel: number,
  calls: number,
  call: (index: number) => Promise<unknown>,
  gap = 0,
): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < calls) {
      await call(next++).catch(() => {});
      if (gap > 0) await sleep(gap);
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
}
