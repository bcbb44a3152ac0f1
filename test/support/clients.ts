import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { onTestFinished } from 'vitest';

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

export interface ClientResponse {
  read(): Promise<unknown>;
  cancel(): unknown;
}

/** The common interface of all HTTP clients: a request resolves when the response headers arrive. */
export interface Client {
  sendRequest(url: string, asking?: RequestOptions): Promise<ClientResponse>;
  shutDown?(): unknown;
}

/** Options of a client; `fetch` has none, because it uses the dispatcher of Node. */
export interface ClientOptions {
  readonly keepAlive?: boolean;
  readonly idleTimeoutMs?: number;
  readonly responseTimeoutMs?: number;
  readonly maxRequests?: number;
  readonly maxFree?: number;
}

const byFetch = (): Client => ({
  async sendRequest(url, asking) {
    const response = await fetch(url, asking);
    return { read: () => response.text(), cancel: () => response.body?.cancel() };
  },
});

function byUndici(undici: typeof undici8): (setting: ClientOptions) => Client {
  return ({ keepAlive, idleTimeoutMs, responseTimeoutMs, maxRequests }) => {
    const agent = new undici.Agent({
      ...(keepAlive === false ? { pipelining: 0 } : {}),
      ...(idleTimeoutMs === undefined ? {} : { keepAliveTimeout: idleTimeoutMs }),
      ...(responseTimeoutMs === undefined ? {} : { headersTimeout: responseTimeoutMs, bodyTimeout: responseTimeoutMs }),
      ...(maxRequests === undefined ? {} : { maxRequestsPerClient: maxRequests }),
    });
    onTestFinished(() => agent.destroy());
    return {
      async sendRequest(url, { method = 'GET', ...asking } = {}) {
        const { body } = await undici.request(url, {
          ...asking,
          method: method as undici8.Dispatcher.HttpMethod,
          dispatcher: agent,
        });
        body.on('error', () => {}); // emitted when the request is cancelled or cut off
        return { read: () => body.text(), cancel: () => body.destroy() };
      },
      shutDown: () => agent.destroy(),
    };
  };
}

function byHttp({ keepAlive = true, idleTimeoutMs, responseTimeoutMs, maxFree }: ClientOptions): Client {
  const timeout = idleTimeoutMs ?? responseTimeoutMs;
  const agent = new http.Agent({
    keepAlive,
    ...(timeout === undefined ? {} : { timeout }),
    ...(maxFree === undefined ? {} : { maxFreeSockets: maxFree }),
  });
  onTestFinished(() => agent.destroy());
  return {
    async sendRequest(url, asking = {}) {
      const request = http.request(url, { agent, ...asking }).on('timeout', () => request.destroy());
      const [response] = (await once(request.end(), 'response')) as [http.IncomingMessage];
      response.on('error', () => {});
      return { read: () => once(response.resume(), 'end'), cancel: () => response.destroy() };
    },
    shutDown: () => agent.destroy(),
  };
}

export type ClientName = 'fetch' | 'undici 6' | 'undici 7' | 'undici 8' | 'node:http';

export const CLIENTS: Readonly<Record<ClientName, (setting: ClientOptions) => Client>> = {
  fetch: byFetch,
  'undici 6': byUndici(undici6 as unknown as typeof undici8),
  'undici 7': byUndici(undici7 as unknown as typeof undici8),
  'undici 8': byUndici(undici8),
  'node:http': byHttp,
};

export const ALL_CLIENTS = Object.keys(CLIENTS) as ClientName[];
export const UNDICI_CLIENTS: ClientName[] = ['undici 6', 'undici 7', 'undici 8'];
export const FETCH_CLIENTS: ClientName[] = ['fetch', ...UNDICI_CLIENTS];

export interface ScriptedServer {
  readonly port: number;
  readonly url: string;
  readonly accepts: number;
  /** The accepted connections, oldest first. */
  readonly sockets: readonly Socket[];
}

/** A server that answers each request with exactly these bytes, and then calls `then` with the connection. */
export async function scriptedServer(
  bytes: string,
  then: (socket: Socket) => void = () => {},
): Promise<ScriptedServer> {
  const sockets: Socket[] = [];
  const scripted = net.createServer(socket => {
    sockets.push(socket);
    socket.on('error', () => {}).on('data', () => socket.write(bytes, () => then(socket)));
  });
  scripted.listen(0, '127.0.0.1');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    scripted.close();
  });
  await once(scripted, 'listening');
  const { port } = scripted.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}/`,
    sockets,
    get accepts() {
      return sockets.length;
    },
  };
}

export const responseHead = (...headers: string[]) => ['HTTP/1.1 200 OK', ...headers, '', ''].join('\r\n');
export const OK_RESPONSE = `${responseHead('Content-Length: 1')}x`;
export const HALF_RESPONSE = `${responseHead('Content-Length: 100000')}${'x'.repeat(50_000)}`;
export const NO_RESPONSE = '';
