import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { onTestFinished } from 'vitest';

export interface Asking {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

export interface Answer {
  read(): Promise<unknown>;
  giveUp(): unknown;
}

/** What all HTTP clients have in common: it asks, and has the answer when its headers are there. */
export interface Client {
  ask(url: string, asking?: Asking): Promise<Answer>;
  shutDown?(): unknown;
}

/** What the program may have set; no field is for `fetch`, which has only what Node gave it. */
export interface Setting {
  readonly keepAlive?: boolean;
  readonly idleMs?: number;
  readonly answerWithinMs?: number;
  readonly maxRequests?: number;
  readonly maxFree?: number;
}

const byFetch = (): Client => ({
  async ask(url, asking) {
    const response = await fetch(url, asking);
    return { read: () => response.text(), giveUp: () => response.body?.cancel() };
  },
});

function byUndici(undici: typeof undici8): (setting: Setting) => Client {
  return ({ keepAlive, idleMs, answerWithinMs, maxRequests }) => {
    const agent = new undici.Agent({
      ...(keepAlive === false ? { pipelining: 0 } : {}),
      ...(idleMs === undefined ? {} : { keepAliveTimeout: idleMs }),
      ...(answerWithinMs === undefined ? {} : { headersTimeout: answerWithinMs, bodyTimeout: answerWithinMs }),
      ...(maxRequests === undefined ? {} : { maxRequestsPerClient: maxRequests }),
    });
    onTestFinished(() => agent.destroy());
    return {
      async ask(url, { method = 'GET', ...asking } = {}) {
        const { body } = await undici.request(url, {
          ...asking,
          method: method as undici8.Dispatcher.HttpMethod,
          dispatcher: agent,
        });
        body.on('error', () => {}); // who gives up or is cut off hears of it
        return { read: () => body.text(), giveUp: () => body.destroy() };
      },
      shutDown: () => agent.destroy(),
    };
  };
}

function byHttp({ keepAlive = true, idleMs, answerWithinMs, maxFree }: Setting): Client {
  const timeout = idleMs ?? answerWithinMs;
  const agent = new http.Agent({
    keepAlive,
    ...(timeout === undefined ? {} : { timeout }),
    ...(maxFree === undefined ? {} : { maxFreeSockets: maxFree }),
  });
  onTestFinished(() => agent.destroy());
  return {
    async ask(url, asking = {}) {
      const request = http.request(url, { agent, ...asking }).on('timeout', () => request.destroy());
      const [response] = (await once(request.end(), 'response')) as [http.IncomingMessage];
      response.on('error', () => {});
      return { read: () => once(response.resume(), 'end'), giveUp: () => response.destroy() };
    },
    shutDown: () => agent.destroy(),
  };
}

export type Name = 'fetch' | 'undici 6' | 'undici 7' | 'undici 8' | 'node:http';

export const CLIENTS: Readonly<Record<Name, (setting: Setting) => Client>> = {
  fetch: byFetch,
  'undici 6': byUndici(undici6 as unknown as typeof undici8),
  'undici 7': byUndici(undici7 as unknown as typeof undici8),
  'undici 8': byUndici(undici8),
  'node:http': byHttp,
};

export const ALL = Object.keys(CLIENTS) as Name[];
export const UNDICI: Name[] = ['undici 6', 'undici 7', 'undici 8'];
export const FETCH: Name[] = ['fetch', ...UNDICI];

export interface Script {
  readonly port: number;
  readonly url: string;
  readonly accepts: number;
  /** The connections that were accepted, the oldest first. */
  readonly sockets: readonly Socket[];
}

/** A server that says, at each request it hears, exactly these bytes, and then may do something to the connection. */
export async function saying(bytes: string, then: (socket: Socket) => void = () => {}): Promise<Script> {
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

export const head = (...headers: string[]) => ['HTTP/1.1 200 OK', ...headers, '', ''].join('\r\n');
export const OK = `${head('Content-Length: 1')}x`;
export const HALF = `${head('Content-Length: 100000')}${'x'.repeat(50_000)}`;
export const SILENCE = '';
