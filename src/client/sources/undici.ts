import type { Socket } from 'node:net';
import type { Handlers } from '../../core/channels.ts';
import { type Origin, originOf } from '../../core/origins.ts';
import type { CallSites } from '../attribution/call-sites.ts';
import type { KeepAliveSignals } from '../attribution/close-reason.ts';
import type { ClientAdapter } from '../connection.ts';
import type { Connections } from '../connections.ts';

// The order of events of one connection of undici (global fetch, and every installed copy):
//   beforeConnect -> net.client.socket, same turn (see net.ts) -> connected
//     -> sendHeaders -> request:headers -> request:trailers | request:error, once per request
// Through a CONNECT proxy: beforeConnect for the target, then all of the above for the proxy, then `connected` for the
// target, with the same socket or with a TLS socket around it.
//
// Limitations: undici 6 publishes no sendHeaders over HTTP/2. For every version, http2.ts counts the streams. Up to 6.21,
// 7.29.1 and 8.10.2, CONNECT and upgrades have neither headers nor trailers.
export function undiciSource(connections: Connections): Handlers {
  return {
    'undici:client:beforeConnect': ({ connectParams, connector }: BeforeConnect) => {
      connections.clientConnecting(originOfParams(connectParams), connector);
    },
    'undici:client:connected': ({ connectParams, connector, socket }: BeforeConnect & { socket: Socket }) => {
      const version = connectParams.version === 'h2' ? '2' : '1.1';
      connections.clientConnected(socket, originOfParams(connectParams), connector, version);
    },
    'undici:client:sendHeaders': ({ request, headers, socket }: SendHeaders) => {
      connections.requestSent(socket, request, undici, headers);
    },
    'undici:request:headers': ({ request, response }: ResponseHeaders) => {
      if (request.reset && !request.upgrade) return; // the request itself closes the connection

      const upgradeRefused = Boolean(request.upgrade) && response.statusCode !== 101;
      const responseSignals = responseSignalsOf(response.headers, upgradeRefused);
      if (responseSignals !== undefined) connections.responseHeaders(request, responseSignals);
    },
    'undici:request:trailers': ({ request }: { request: UndiciRequest }) => {
      connections.requestFinished(request);
    },
    'undici:request:error': ({ request, error }: { request: UndiciRequest; error: unknown }) => {
      connections.requestFailed(request, error);
    },
  };
}

/** Passes new requests to the call sites. Subscribed only while they watch an origin. */
export function undiciRequests(callSites: CallSites): Handlers {
  return {
    'undici:request:create': ({ request }: { request: UndiciRequest }) => {
      callSites.requestCreated(request, originOfRequest);
    },
  };
}

interface BeforeConnect {
  readonly connectParams: ConnectParams;
  readonly connector: object;
}

interface ConnectParams {
  /** An IPv6 address has no brackets. */
  readonly hostname: string;
  /** Empty for the default port of the protocol. */
  readonly port: string;
  readonly protocol: string;
  readonly version?: 'h1' | 'h2';
}

interface SendHeaders {
  readonly request: UndiciRequest;
  readonly headers: string;
  readonly socket: Socket;
}

interface ResponseHeaders {
  readonly request: UndiciRequest;
  readonly response: { readonly statusCode: number; readonly headers: readonly Buffer[] };
}

export interface UndiciRequest {
  readonly method: string;
  /** The program wants the connection to close after the request. */
  readonly reset?: boolean | null;
  readonly origin: string | URL;
  readonly completed: boolean;
  readonly aborted: boolean;
  /** Null or undefined if the request has no body. */
  readonly body?: unknown;
  /** The protocol that the program wants to upgrade to. The connection never returns to the pool. */
  readonly upgrade: string | null;
}

function originOfParams({ hostname, port, protocol }: ConnectParams): Origin {
  return originOf(hostname, port, protocol);
}

function originOfRequest({ origin }: UndiciRequest): Origin {
  const { hostname, port, protocol } = new URL(origin);
  return originOf(hostname, port, protocol);
}

/** undici assumes that the server closes an idle connection this much earlier than it promised. */
const MARGIN_SECONDS = 2;

/** The signals of an answered request, unless one of them is unusual. */
const REUSABLE: KeepAliveSignals = {
  methodNotReusable: false,
  clientCloses: false,
  closeIsExplicit: false,
  serverCloses: false,
  keepAlive: undefined,
  keepAliveMargin: MARGIN_SECONDS,
  sent: true,
  complete: true,
  aborted: false,
  upgraded: false,
};

const undici: ClientAdapter<UndiciRequest> = {
  originOf: originOfRequest,
  // Unknown sockets were opened before connmeter started, so they have been used before.
  wasReused: () => true,
  isQueued: () => false,
  isFinished: ({ completed, aborted, upgrade }) => (completed || aborted) && !upgrade,
  mayTakeOver: ({ method, upgrade }) => method === 'CONNECT' || Boolean(upgrade),
  pipelines: true,
  maxIdle: () => Infinity,
  idleCount: () => 0,
  signalsOf,
  signalsOfFinished: (request, response) =>
    response === undefined && request.completed && request.method !== 'HEAD' && request.reset !== true
      ? REUSABLE
      : signalsOf(request, response),
  // While undici sends a body in parts, it waits for the socket to drain.
  isSending: ({ body }, socket) => body !== undefined && body !== null && socket.listenerCount('drain') > 0,
  isFromProgram: () => false, // see `requestFailed`
  maxAge: () => undefined,
  withRequestHeaders: (signals, sentHeaders) =>
    signals.clientCloses || !sentHeaders.includes('\r\nconnection: close\r')
      ? signals
      : { ...signals, clientCloses: true },
};

function signalsOf(request: UndiciRequest, response: object | undefined): KeepAliveSignals {
  const responseSignals = response as ResponseSignals | undefined;
  return {
    methodNotReusable: request.method === 'HEAD' || request.method === 'CONNECT',
    clientCloses: request.reset === true,
    closeIsExplicit: request.reset === true,
    serverCloses: responseSignals?.closes === true,
    keepAlive: responseSignals?.keepAlive,
    keepAliveMargin: MARGIN_SECONDS,
    sent: true,
    complete: request.completed,
    aborted: request.aborted,
    upgraded: Boolean(request.upgrade) && responseSignals?.upgradeRefused !== true,
  };
}

/** The keep-alive signals of a response. Undefined instead if all of them are as usual. */
interface ResponseSignals {
  /** The server answered the request for an upgrade with an HTTP response. */
  readonly upgradeRefused: boolean;
  readonly closes: boolean;
  /** `timeout` of the Keep-Alive header, in seconds, if it is short. */
  readonly keepAlive: number | undefined;
}

const SHORT_SECONDS = 3;

/** Reads raw headers (names and values in turn). Makes no string in the usual case. */
function responseSignalsOf(headers: readonly Buffer[], upgradeRefused: boolean): ResponseSignals | undefined {
  let closes = false;
  let keepAlive: number | undefined;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as Buffer;
    if (name.length !== 10) continue; // the length of `connection` and of `keep-alive`

    const value = headers[i + 1] as Buffer;
    const initial = (name[0] as number) | 0x20;
    if (initial === C && value.length === 5) closes = value.toString('latin1').toLowerCase() === 'close';
    else if (initial === K && !isLongTimeout(value))
      keepAlive = Number(/\btimeout=(\d+)/i.exec(value.toString('latin1'))?.[1]);
  }
  if (keepAlive !== undefined && !(keepAlive <= SHORT_SECONDS)) keepAlive = undefined;
  return upgradeRefused || closes || keepAlive !== undefined ? { upgradeRefused, closes, keepAlive } : undefined;
}

const C = 'c'.charCodeAt(0);
const K = 'k'.charCodeAt(0);
const T = 't'.charCodeAt(0);
const EQUALS = '='.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);

/** Recognizes `timeout=5`, which Node's own servers send, by its characters. */
function isLongTimeout(value: Buffer): boolean {
  if (((value[0] as number) | 0x20) !== T || value[7] !== EQUALS) return false;

  const first = value[8] ?? 0;
  const second = value[9] ?? 0;
  return first > ZERO + SHORT_SECONDS || (second >= ZERO && second <= ZERO + 9);
}
