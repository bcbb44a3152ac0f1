import type { Socket } from 'node:net';
import type { CallSites } from '../call-sites.ts';
import type { Handlers } from '../channels.ts';
import type { Client } from '../connection.ts';
import type { Connections } from '../connections.ts';
import { type Origin, originOf } from '../origins.ts';
import type { Parting } from '../reasons.ts';

/** What undici says of a connection; the hostname is without brackets, the port empty where it is the protocol's own. */
interface ConnectParams {
  readonly hostname: string;
  readonly port: string;
  readonly protocol: string;
  readonly version?: 'h1' | 'h2';
}

/** What undici says of a request. */
export interface UndiciRequest {
  readonly method: string;
  /** The program asked for the connection to end with the request. */
  readonly reset?: boolean | null;
  readonly origin: string | URL;
  readonly completed: boolean;
  readonly aborted: boolean;
  /** The protocol of an upgrade the program asked for: the connection never comes back from it. */
  readonly upgrade: string | null;
}

function originOfRequest({ origin }: UndiciRequest): Origin {
  const { hostname, port, protocol } = new URL(origin);
  return originOf(hostname, port, protocol);
}

/** What an answer says of its connection's future. Made only where it says that there is none, or a short one. */
interface Farewell {
  /** It was an answer of HTTP, though the request asked for another protocol. */
  readonly refused: boolean;
  readonly closes: boolean;
  readonly keepAlive: number | undefined;
}

/** How much undici subtracts from the seconds that a server promises. */
const MARGIN_SECONDS = 2;

/** For a request that was answered and said nothing special. */
const USUAL: Parting = {
  isLast: false,
  clientCloses: false,
  byRequest: false,
  serverCloses: false,
  keepAlive: undefined,
  margin: MARGIN_SECONDS,
  complete: true,
  givenUp: false,
  upgraded: false,
};

const undici: Client<UndiciRequest> = {
  originOf: originOfRequest,
  // Of a new socket `connected` has told us; one we do not know is older than we are.
  wasReused: () => true,
  isWaiting: () => false,
  isOver: ({ completed, aborted, upgrade }) => (completed || aborted) && !upgrade,
  mayTakeOver: ({ method, upgrade }) => method === 'CONNECT' || Boolean(upgrade),
  pipelines: true,
  mostIdle: () => Infinity,
  idleNow: () => 0,
  parting,
  partingOfFinished: (request, answer) =>
    answer === undefined && request.completed && request.method !== 'HEAD' && request.reset !== true
      ? USUAL
      : parting(request, answer),
  withHeaders: (said, sentHeaders) =>
    said.clientCloses || !sentHeaders.includes('\r\nconnection: close\r') ? said : { ...said, clientCloses: true },
};

function parting(request: UndiciRequest, answer: object | undefined): Parting {
  const farewell = answer as Farewell | undefined;
  return {
    isLast: request.method === 'HEAD' || request.method === 'CONNECT',
    clientCloses: request.reset === true,
    byRequest: request.reset === true,
    serverCloses: farewell?.closes === true,
    keepAlive: farewell?.keepAlive,
    margin: MARGIN_SECONDS,
    complete: request.completed,
    givenUp: request.aborted,
    upgraded: Boolean(request.upgrade) && farewell?.refused !== true,
  };
}

// One connection, in the order undici speaks of it (global fetch and any copy of undici, all alike):
//   beforeConnect -> net.client.socket, same turn (see net.ts) -> connected
//     -> sendHeaders -> request:headers -> request:trailers | request:error, once per request
// Through a CONNECT proxy: beforeConnect for the target, then all of the above for the proxy, then `connected` for the
// target with the same socket, or with TLS around it.
//
// Limitations: undici 6 sends no sendHeaders over HTTP/2; streams are counted by http2.ts for every version. Up to 6.21, 7.29.1
// and 8.10.2, CONNECT and upgrades have neither headers nor trailers.
export function undiciSource(connections: Connections): Handlers {
  return {
    'undici:client:beforeConnect': ({
      connectParams,
      connector,
    }: {
      connectParams: ConnectParams;
      connector: object;
    }) => {
      connections.expected(originOf(connectParams.hostname, connectParams.port, connectParams.protocol), connector);
    },
    'undici:client:connected': ({
      connectParams,
      connector,
      socket,
    }: {
      connectParams: ConnectParams;
      connector: object;
      socket: Socket;
    }) => {
      connections.taken(
        socket,
        originOf(connectParams.hostname, connectParams.port, connectParams.protocol),
        connector,
        connectParams.version === 'h2' ? '2' : '1.1',
      );
    },
    'undici:client:sendHeaders': ({
      request,
      headers,
      socket,
    }: {
      request: UndiciRequest;
      headers: string;
      socket: Socket;
    }) => {
      connections.requestSent(socket, request, undici, headers);
    },
    'undici:request:headers': ({
      request,
      response,
    }: {
      request: UndiciRequest;
      response: { statusCode: number; headers: readonly Buffer[] };
    }) => {
      if (request.reset && !request.upgrade) return; // the program said itself that the connection ends

      const refused = Boolean(request.upgrade) && response.statusCode !== 101;
      const farewell = farewellOf(response.headers, refused);
      if (farewell !== undefined) connections.answerSaid(request, farewell);
    },
    'undici:request:trailers': ({ request }: { request: UndiciRequest }) => {
      connections.requestOver(request, false);
    },
    'undici:request:error': ({ request }: { request: UndiciRequest }) => {
      connections.requestOver(request, true);
    },
  };
}

/** Only for as long as an origin is suspected: where in the program its requests are made. */
export function undiciRequests(callSites: CallSites): Handlers {
  return {
    'undici:request:create': ({ request }: { request: UndiciRequest }) => {
      callSites.requestCreated(request, originOfRequest);
    },
  };
}

const SHORT_SECONDS = 3;

/** Looks through raw headers, name after value, without making a string where nothing is to be said. */
function farewellOf(headers: readonly Buffer[], refused: boolean): Farewell | undefined {
  let closes = false;
  let keepAlive: number | undefined;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as Buffer;
    if (name.length !== 10) continue; // as long as both `connection` and `keep-alive`

    const value = headers[i + 1] as Buffer;
    const initial = (name[0] as number) | 0x20;
    if (initial === C && value.length === 5) closes = value.toString('latin1').toLowerCase() === 'close';
    else if (initial === K && !isLong(value))
      keepAlive = Number(/\btimeout=(\d+)/i.exec(value.toString('latin1'))?.[1]);
  }
  if (keepAlive !== undefined && !(keepAlive <= SHORT_SECONDS)) keepAlive = undefined;
  return refused || closes || keepAlive !== undefined ? { refused, closes, keepAlive } : undefined;
}

const C = 'c'.charCodeAt(0);
const K = 'k'.charCodeAt(0);
const T = 't'.charCodeAt(0);
const EQUALS = '='.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);

/** `timeout=5`, as Node's own servers say, and whatever stands behind it: told by its digits, without making a string. */
function isLong(value: Buffer): boolean {
  if (((value[0] as number) | 0x20) !== T || value[7] !== EQUALS) return false;

  const first = value[8] ?? 0;
  const second = value[9] ?? 0;
  return first > ZERO + SHORT_SECONDS || (second >= ZERO && second <= ZERO + 9);
}
