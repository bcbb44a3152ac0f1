import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Handlers } from '../../core/channels.ts';
import type { Guard } from '../../core/guard.ts';
import { guardedListeners, includeInMaxListeners, prependListeners } from '../../core/listeners.ts';
import { originOf, portInHostHeader } from '../../core/origins.ts';
import type { CallSites } from '../attribution/call-sites.ts';
import type { KeepAliveSignals } from '../attribution/close-reason.ts';
import type { ClientAdapter } from '../connection.ts';
import type { Connections } from '../connections.ts';

const http: ClientAdapter<ClientRequest> = {
  // What is dialled, never what the `Host` header says: proxies pass on what strangers wrote there.
  originOf: (request, socket) => {
    const port = portDialled(request, socket) ?? portInHostHeader(request.getHeader('host'), request.host);
    return originOf(request.host, port, request.protocol);
  },
  wasReused: request => request.reusedSocket,
  isQueued: request => {
    const waiting = agentOf(request)?.requests;
    for (const name in waiting) if (waiting[name]?.includes(request as never)) return true;
    return false;
  },
  // `destroyed` is also how Node marks a request whose response is read; after an upgrade the socket is somebody else's.
  isFinished: request => request.destroyed && !becomesAnother(request),
  mayTakeOver: becomesAnother,
  pipelines: false,
  maxIdle: request => agentOf(request)?.maxFreeSockets ?? Infinity,
  idleCount: (request, port) => freeSocketsTo(`${request.host}:${port}:`, agentOf(request)),
  signalsOfFinished: (_request, answer) => (hintsShort(answer as IncomingMessage | undefined) ? KEPT_SHORTLY : KEPT),
  withRequestHeaders: signals => signals,
  signalsOf: (request, answer) => {
    const response = answer as IncomingMessage | undefined;
    const agent = agentOf(request);
    const clientCloses = agent?.keepAlive === false || saysClose(request.getHeader('connection'));
    const { closes, keepAlive } = response === undefined ? SILENCE : responseSignalsOf(response.rawHeaders);
    const serverCloses = closes || response?.httpVersion === '1.0';
    return {
      // Without a length, the parser takes the end of the answer to HEAD for the end of the connection.
      methodNotReusable: request.method === 'HEAD' && !clientCloses && !serverCloses,
      clientCloses,
      closeIsExplicit: true,
      serverCloses,
      keepAlive,
      keepAliveMargin: MARGIN_SECONDS,
      complete: response?.complete === true,
      aborted: request.destroyed,
      upgraded: request.destroyed && becomesAnother(request),
    };
  },
};

/** How much its agents take off what a server promises. */
const MARGIN_SECONDS = 1;

/** What is left of a request whose connection the agent took back, and of one whose answer hinted that it is kept for a moment only. */
const KEPT: KeepAliveSignals = {
  methodNotReusable: false,
  clientCloses: false,
  closeIsExplicit: true,
  serverCloses: false,
  keepAlive: undefined,
  keepAliveMargin: MARGIN_SECONDS,
  complete: true,
  aborted: true,
  upgraded: false,
};
const KEPT_SHORTLY: KeepAliveSignals = { ...KEPT, keepAlive: MARGIN_SECONDS };

/** CONNECT and Upgrade hand the connection over to something else. */
function becomesAnother(request: ClientRequest): boolean {
  return request.method === 'CONNECT' || request.getHeader('upgrade') !== undefined;
}

/** What agents show of their policy; one of the program's own making may show none of it. */
type PoolingAgent = Partial<Pick<Agent, 'maxFreeSockets' | 'freeSockets' | 'sockets' | 'requests'>> & {
  readonly keepAlive?: boolean;
};

/** What an answer says of its connection's future. */
interface ResponseSignals {
  readonly closes: boolean;
  /** Seconds. */
  readonly keepAlive: number | undefined;
}

const SILENCE: ResponseSignals = { closes: false, keepAlive: undefined };

/** Looks through raw headers, name after value: Node makes an object of them at the first look at it, which few programs take. */
function responseSignalsOf(headers: readonly string[]): ResponseSignals {
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

/**
 * Whether the answer hints that the server keeps the connection for no longer than the client takes off. Makes no object
 * where it does not.
 */
function hintsShort(response: IncomingMessage | undefined): boolean {
  const headers = response?.rawHeaders ?? NONE;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== 10 || (name.charCodeAt(0) | 0x20) !== K || isLong(headers[i + 1] as string)) continue;

    const { keepAlive } = responseSignalsOf(headers);
    return keepAlive !== undefined && keepAlive <= MARGIN_SECONDS;
  }
  return false;
}

const NONE: readonly string[] = [];
const K = 'k'.charCodeAt(0);
const T = 't'.charCodeAt(0);
const EQUALS = '='.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);

/** `timeout=5`, as Node's own servers say, and whatever stands behind it: told by its digits. */
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

/**
 * The port that the request's agent dials for a socket it made just now, or for any socket to the request's host: the agent
 * names its lists by host, port and more, and adds a new socket at the end. https://nodejs.org/api/http.html#agentgetnameoptions
 */
function portDialled(request: ClientRequest, socket: Socket | undefined): string | undefined {
  const lists = agentOf(request)?.sockets;
  const host = `${request.host}:`;
  for (const name in lists) {
    if (!name.startsWith(host) || (socket !== undefined && lists[name]?.at(-1) !== socket)) continue;

    return /^\d+/.exec(name.slice(host.length))?.[0];
  }
  return undefined;
}

/** An agent names its lists by host, port and more: https://nodejs.org/api/http.html#agentgetnameoptions */
function freeSocketsTo(name: string, agent: PoolingAgent | undefined): number {
  const lists = Object.entries(agent?.freeSockets ?? {}).filter(([key]) => key.startsWith(name));
  return Math.max(0, ...lists.map(([, sockets]) => sockets?.length ?? 0));
}

// One request, in the order node:http speaks of it:
//   (net.client.socket, if the agent opens a connection) -> created, same turn -> start (headers and body handed over,
//   maybe before the socket is connected) -> response.finish (response *headers* parsed, despite its name)
//   -> the socket's free (it is idle) | agentRemove (after an upgrade or CONNECT) | close
//
// Limitations: no channel tells when a request begins on a reused socket before its body is complete; such a connection
// counts as idle until then.
export function httpSource(connections: Connections, callSites: CallSites, guard: Guard): Handlers {
  const socketListeners = guardedListeners(guard, {
    free(this: Socket) {
      connections.returnedToPool(this);
    },
    agentRemove(this: Socket) {
      connections.removedFromPool(this);
    },
  });
  const listenTo = (socket: Socket) => {
    prependListeners(socket, socketListeners);
    includeInMaxListeners(socket); // from now on, Node adds listeners to the socket for every request
  };
  return {
    'http.client.request.created': ({ request }: { request: ClientRequest }) => {
      const opened = connections.requestCreated(request, http, agentOf(request));
      if (opened !== undefined) listenTo(opened);
      callSites.requestCreated(request, asked => http.originOf(asked, undefined));
    },
    'http.client.request.start': ({ request }: { request: ClientRequest }) => {
      const { socket } = request;
      if (socket && connections.requestSent(socket, request, http, undefined)) listenTo(socket);
    },
    // The parser ends the socket without a word: what it could not read is told of the request only.
    'http.client.request.error': ({ request, error }: { request: ClientRequest; error: { code?: string } }) => {
      if (request.socket && error.code?.startsWith('HPE_')) connections.errored(request.socket, error);
    },
    'http.client.response.finish': ({ request, response }: { request: ClientRequest; response: IncomingMessage }) => {
      const { socket } = request;
      if (socket && connections.responseStarted(socket, request, http, response)) listenTo(socket);
    },
  };
}

function agentOf(request: ClientRequest): PoolingAgent | undefined {
  return (request as { agent?: PoolingAgent }).agent;
}
