import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Handlers } from '../../core/channels.ts';
import { originOf, portInHostHeader } from '../../core/origins.ts';
import type { CallSites } from '../attribution/call-sites.ts';
import type { Client } from '../connection.ts';
import type { Connections } from '../connections.ts';

const http: Client<ClientRequest> = {
  // What is dialled, never what the `Host` header says: proxies pass on what strangers wrote there.
  originOf: (request, socket) => {
    const port = portDialled(request, socket) ?? portInHostHeader(request.getHeader('host'), request.host);
    return originOf(request.host, port, request.protocol);
  },
  wasReused: request => request.reusedSocket,
  isWaiting: request => {
    const waiting = agentOf(request)?.requests;
    for (const name in waiting) if (waiting[name]?.includes(request as never)) return true;
    return false;
  },
  // `destroyed` is also how Node marks a request whose response is read; after an upgrade the socket is somebody else's.
  isOver: request => request.destroyed && !becomesAnother(request),
  pipelines: false,
  mostIdle: request => agentOf(request)?.maxFreeSockets ?? Infinity,
  idleNow: (request, port) => freeSocketsTo(`${request.host}:${port}:`, agentOf(request)),
  parting: (request, _sentHeaders, answer) => {
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
      margin: 1,
      complete: response?.complete === true,
      givenUp: request.destroyed,
      upgraded: request.destroyed && becomesAnother(request),
    };
  },
};

/** CONNECT and Upgrade hand the connection over to something else. */
function becomesAnother(request: ClientRequest): boolean {
  return request.method === 'CONNECT' || request.getHeader('upgrade') !== undefined;
}

/** What agents show of their policy; one of the program's own making may show none of it. */
type PoolingAgent = Partial<Pick<Agent, 'maxFreeSockets' | 'freeSockets' | 'sockets' | 'requests'>> & {
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
//
// Limitations: no channel tells when a request begins on a reused socket before its body is complete; such a connection
// counts as idle until then.
export function httpSource(connections: Connections, callSites: CallSites): Handlers {
  return {
    'http.client.request.created': ({ request }: { request: ClientRequest }) => {
      connections.requestCreated(request, http, agentOf(request));
      callSites.requestCreated(request, asked => http.originOf(asked, undefined));
    },
    'http.client.request.start': ({ request }: { request: ClientRequest }) => {
      if (request.socket) connections.requestSent(request.socket, request, http, undefined);
    },
    // The parser ends the socket without a word: what it could not read is told of the request only.
    'http.client.request.error': ({ request, error }: { request: ClientRequest; error: { code?: string } }) => {
      if (request.socket && error.code?.startsWith('HPE_')) connections.errored(request.socket, error);
    },
    'http.client.response.finish': ({ request, response }: { request: ClientRequest; response: IncomingMessage }) => {
      if (!request.socket) return;

      connections.requestSent(request.socket, request, http, undefined); // an answer may come before the request's end
      connections.answered(request.socket, response);
    },
  };
}

function agentOf(request: ClientRequest): PoolingAgent | undefined {
  return (request as { agent?: PoolingAgent }).agent;
}
