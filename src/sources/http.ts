import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { CallSites } from '../call-sites.ts';
import type { Handlers } from '../channels.ts';
import type { Client } from '../connection.ts';
import type { Connections } from '../connections.ts';
import type { Guard } from '../guard.ts';
import { originOfHostHeader } from '../origins.ts';
import type { Parting } from '../reasons.ts';
import { listenFirst, ours, stopSteppingAside } from './listeners.ts';

const http: Client<ClientRequest> = {
  originOf: request => originOfHostHeader(String(request.getHeader('host') ?? request.host), request.protocol),
  wasReused: request => request.reusedSocket,
  isWaiting: request => {
    const waiting = agentOf(request)?.requests;
    for (const name in waiting) if (waiting[name]?.includes(request as never)) return true;
    return false;
  },
  // `destroyed` is also how Node marks a request whose response is read; after an upgrade the socket is somebody else's.
  isOver: request => request.destroyed && !becomesAnother(request),
  mayTakeOver: becomesAnother,
  pipelines: false,
  mostIdle: request => agentOf(request)?.maxFreeSockets ?? Infinity,
  idleNow: (request, port) => freeSocketsTo(`${request.host}:${port}:`, agentOf(request)),
  partingOfFinished: (_request, answer) => (hintsShort(answer as IncomingMessage | undefined) ? KEPT_SHORTLY : KEPT),
  withHeaders: parting => parting,
  parting: (request, answer) => {
    const response = answer as IncomingMessage | undefined;
    const agent = agentOf(request);
    const clientCloses = agent?.keepAlive === false || saysClose(request.getHeader('connection'));
    const { closes, keepAlive } = response === undefined ? SILENCE : farewellOf(response.rawHeaders);
    const serverCloses = closes || response?.httpVersion === '1.0';
    return {
      // Without a length, the parser takes the end of the answer to HEAD for the end of the connection.
      isLast: request.method === 'HEAD' && !clientCloses && !serverCloses,
      clientCloses,
      byRequest: true,
      serverCloses,
      keepAlive,
      margin: MARGIN_SECONDS,
      complete: response?.complete === true,
      givenUp: request.destroyed,
      upgraded: request.destroyed && becomesAnother(request),
    };
  },
};

/** How much agents subtract from the seconds that a server promises. */
const MARGIN_SECONDS = 1;

/** For a request whose connection went back to the agent; the second where the server keeps it for a moment only. */
const KEPT: Parting = {
  isLast: false,
  clientCloses: false,
  byRequest: true,
  serverCloses: false,
  keepAlive: undefined,
  margin: MARGIN_SECONDS,
  complete: true,
  givenUp: true,
  upgraded: false,
};
const KEPT_SHORTLY: Parting = { ...KEPT, keepAlive: MARGIN_SECONDS };

/** CONNECT and Upgrade hand the connection over to something else. */
function becomesAnother(request: ClientRequest): boolean {
  return request.method === 'CONNECT' || request.getHeader('upgrade') !== undefined;
}

/** What agents show of their policy; one of the program's own making may show none of it. */
type PoolingAgent = Partial<Pick<Agent, 'maxFreeSockets' | 'freeSockets' | 'requests'>> & {
  readonly keepAlive?: boolean;
};

/** What an answer says of its connection's future. */
interface Farewell {
  readonly closes: boolean;
  /** Seconds. */
  readonly keepAlive: number | undefined;
}

const SILENCE: Farewell = { closes: false, keepAlive: undefined };

/** Looks through raw headers, name after value: Node makes an object of them at the first look at it, which few programs take. */
function farewellOf(headers: readonly string[]): Farewell {
  let closes = false;
  let keepAlive: number | undefined;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== 10) continue; // as long as both `connection` and `keep-alive`

    const value = headers[i + 1] as string;
    const known = name.toLowerCase();
    if (known === 'connection') closes ||= saysClose(value);
    else if (known === 'keep-alive') keepAlive ??= secondsOf(value);
  }
  return { closes, keepAlive };
}

function saysClose(connection: unknown): boolean {
  if (connection === undefined || connection === 'keep-alive') return false;

  return connection === 'close' || /\bclose\b/i.test(String(connection));
}

/** Whether the answer's `Keep-Alive` is so short that the agent cannot reuse the connection. Usually allocates nothing. */
function hintsShort(response: IncomingMessage | undefined): boolean {
  const headers = response?.rawHeaders ?? NONE;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== 10 || (name.charCodeAt(0) | 0x20) !== K || isLong(headers[i + 1] as string)) continue;

    const { keepAlive } = farewellOf(headers);
    return keepAlive !== undefined && keepAlive <= MARGIN_SECONDS;
  }
  return false;
}

const NONE: readonly string[] = [];
const K = 'k'.charCodeAt(0);
const T = 't'.charCodeAt(0);
const EQUALS = '='.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);

/** Whether it is `timeout=5`, as Node's own servers send, or any longer. Reads digits, as a match would allocate. */
function isLong(value: string): boolean {
  if ((value.charCodeAt(0) | 0x20) !== T || value.charCodeAt(7) !== EQUALS) return false;

  const first = value.charCodeAt(8) - ZERO;
  if (!(first > 0 && first <= 9)) return false;

  const second = value.charCodeAt(9) - ZERO;
  return first > MARGIN_SECONDS || (second >= 0 && second <= 9);
}

function secondsOf(keepAlive: string): number | undefined {
  const seconds = /\btimeout=(\d+)/i.exec(keepAlive)?.[1];
  return seconds === undefined ? undefined : Number(seconds);
}

/** An agent names its lists by host, port and more: https://nodejs.org/api/http.html#agentgetnameoptions */
function freeSocketsTo(name: string, agent: PoolingAgent | undefined): number {
  const lists = Object.entries(agent?.freeSockets ?? {}).filter(([key]) => key.startsWith(name));
  return Math.max(0, ...lists.map(([, sockets]) => sockets?.length ?? 0));
}

// One request, in the order node:http speaks of it:
//   (net.client.socket, if the agent opens a connection) -> created, same turn -> start (headers and body handed over,
//   maybe before the socket is connected) -> response.finish (response *headers* parsed, despite its name)
//   -> the socket's free (it is idle) | agentRemove (upgrade, CONNECT) | close
//
// Limitations: no channel tells when a request begins on a reused socket before its body is complete; such a connection
// counts as idle until then.
export function httpSource(connections: Connections, callSites: CallSites, guard: Guard): Handlers {
  const ofSocket = ours([
    [
      'free',
      guard('free', function (this: Socket) {
        connections.freed(this);
      }),
    ],
    [
      'agentRemove',
      guard('agentRemove', function (this: Socket) {
        connections.detached(this);
      }),
    ],
  ]);
  /** From now on Node adds listeners to the socket for each request. */
  const hear = (socket: Socket) => {
    listenFirst(socket, ofSocket);
    stopSteppingAside(socket);
  };
  return {
    'http.client.request.created': ({ request }: { request: ClientRequest }) => {
      const opened = connections.requestCreated(request, http, agentOf(request));
      if (opened !== undefined) hear(opened);
      callSites.requestCreated(request, http.originOf);
    },
    'http.client.request.start': ({ request }: { request: ClientRequest }) => {
      const { socket } = request;
      if (socket && connections.requestSent(socket, request, http, undefined)) hear(socket);
    },
    // The parser ends the socket without a word: what it could not read is told of the request only.
    'http.client.request.error': ({ request, error }: { request: ClientRequest; error: { code?: string } }) => {
      if (request.socket && error.code?.startsWith('HPE_')) connections.errored(request.socket, error);
    },
    'http.client.response.finish': ({ request, response }: { request: ClientRequest; response: IncomingMessage }) => {
      const { socket } = request;
      if (socket && connections.answered(socket, request, http, response)) hear(socket);
    },
  };
}

function agentOf(request: ClientRequest): PoolingAgent | undefined {
  return (request as { agent?: PoolingAgent }).agent;
}
