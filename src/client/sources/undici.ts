import type { Socket } from 'node:net';
import type { Handlers } from '../../core/channels.ts';
import { messageOf } from '../../core/errors.ts';
import type { Guard } from '../../core/guard.ts';
import { type Origin, originOf } from '../../core/origins.ts';
import type { CallSites } from '../attribution/call-sites.ts';
import type { KeepAliveSignals } from '../attribution/close-reason.ts';
import { poolOfConnector, poolOfDispatcher, type ReadClient } from '../attribution/pool-identity.ts';
import type { Arrived, ClientAdapter } from '../connection.ts';
import type { Connections } from '../connections.ts';
import { WATCHED, type WatchedRequest } from '../watch-dispatcher.ts';
import { watchGlobalDispatchers } from './global-dispatcher.ts';

// The order of events of one connection of undici (global fetch, and every installed copy):
//   beforeConnect -> net.client.socket, same turn (see net.ts) -> connected
//     -> sendHeaders -> request:headers -> request:trailers | request:error, once per request
// Through a CONNECT proxy: beforeConnect for the target, then all of the above for the proxy, then `connected` for the
// target, with the same socket or with a TLS socket around it.
//
// Limitations: undici 6 publishes no sendHeaders over HTTP/2. For every version, http2.ts counts the streams. Up to 6.21,
// 7.29.1 and 8.10.2, CONNECT and upgrades have neither headers nor trailers.
export function undiciSource(
  connections: Connections,
  callSites: CallSites,
  readClient: ReadClient | undefined,
  guard: Guard,
): Handlers {
  let latest: WeakRef<Socket> | undefined;
  /** A watched request that is sent next. */
  let started: WatchedRequest | undefined;
  const findDispatchers = watchGlobalDispatchers(guard, dispatcher => {
    const socket = latest?.deref();
    latest = undefined;
    if (socket !== undefined) connections.poolShown(socket, poolOfDispatcher(dispatcher));
  });

  return {
    'undici:request:create': ({ request }: { request: UndiciRequest }) => {
      callSites.requestCreated(request, undici);
      connections.requestMade(request, undici);
    },
    'undici:client:beforeConnect': ({ connectParams, connector }: BeforeConnect) => {
      connections.clientConnecting(originOfParams(connectParams), connector);
    },
    'undici:client:connected': ({ connectParams, connector, socket }: BeforeConnect & { socket: Socket }) => {
      const version = connectParams.version === 'h2' ? '2' : '1.1';
      const pool = poolOfConnector(connector, socket, readClient);
      connections.clientConnected(socket, originOfParams(connectParams), pool, version);
      if (pool.pool !== undefined) return;

      latest = new WeakRef(socket);
      findDispatchers();
    },
    'undici:client:connectError': ({ error }: { error: unknown }) => {
      const status = REFUSED.exec(messageOf(error))?.[1];
      if (status !== undefined) connections.tunnels.refused(undefined, Number(status));
    },
    'undici:proxy:connected': ({ socket }: { socket: Socket }) => {
      connections.tunnels.accepted(socket);
    },
    [WATCHED.dispatching]: (request: WatchedRequest) => {
      connections.callers.dispatching(request, request.caller);
      connections.requestDispatching(request, () => originOfText(request.origin));
    },
    [WATCHED.dispatched]: () => {
      connections.callers.dispatched();
      connections.requestDispatched();
    },
    [WATCHED.started]: (request: WatchedRequest) => {
      started = request;
      connections.requestStarted(request);
    },
    [WATCHED.failed]: (request: WatchedRequest) => {
      if (started === request) started = undefined;
      connections.requestGaveUp(request);
    },
    'undici:client:sendHeaders': ({ request, headers, socket }: SendHeaders) => {
      if (started !== undefined) {
        started.sentTo(request.origin);
        connections.callers.sent(request, started);
      }
      started = undefined;
      connections.requestSent(socket, request, undici, headers);
    },
    'undici:request:headers': ({ request, response }: ResponseHeaders) => {
      if (request.reset && !request.upgrade) return; // the request itself closes the connection

      const upgradeRefused = Boolean(request.upgrade) && response.statusCode !== 101;
      const connectStatus = request.method === 'CONNECT' ? response.statusCode : undefined;
      const responseSignals = responseSignalsOf(response, upgradeRefused, connectStatus);
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
  readonly response: Response;
}

interface Response {
  readonly statusCode: number;
  readonly statusText: string;
  readonly headers: readonly Buffer[];
}

export interface UndiciRequest {
  readonly method: string;
  /** The program wants the connection to close after the request. */
  readonly reset?: boolean | null;
  readonly origin: string | URL;
  /** For TLS: from an option, which the DNS interceptor sets, or from the `Host` header. */
  readonly servername?: string | null;
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

function originOfText(origin: unknown): Origin | undefined {
  return origin === undefined ? undefined : originOfRequest({ origin: String(origin) });
}

function originOfRequest({ origin }: Pick<UndiciRequest, 'origin'>): Origin {
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
  nameOf: ({ origin }) => (typeof origin === 'string' ? origin : origin.origin),
  namedHost: ({ servername }) => servername,
  // Unknown sockets were opened before connmeter started, so they have been used before.
  wasReused: () => true,
  isQueued: () => false,
  opened: () => true,
  poolOf: () => undefined,
  isConnect: ({ method }) => method === 'CONNECT',
  connectStatus: (_request, response) => (response as ResponseSignals | undefined)?.connectStatus,
  isFinished: ({ completed, aborted, upgrade }) => (completed || aborted) && !upgrade,
  mayTakeOver: ({ method, upgrade }) => method === 'CONNECT' || Boolean(upgrade),
  takenUnread: (_request, response, arrived) => takenUnread(response as ResponseSignals | undefined, arrived),
  pipelines: true,
  showsQueue: false,
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
    methodNotReusable: request.method === 'HEAD',
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

/** undici stops reading from the socket when it has kept this much of a body for the program. */
const BUFFER = 65_536;
/** The most that undici takes of a response that nobody reads: the last piece may be as large as the buffer, and the headers. */
const MAX_TAKEN = 2 * BUFFER + 16_384;

/**
 * undici and fetch do not show the response, so this is what the socket shows: undici has filled its buffer, and stopped. Then data
 * waits in the socket, or the whole response has arrived but undici did not publish its end. If it took more than its buffer, the
 * program has read something. Smaller bodies do not hold the connection.
 */
function takenUnread(signals: ResponseSignals | undefined, { bytes, waiting }: Arrived): number | undefined {
  const taken = bytes - waiting;
  const hasStopped = waiting > 0 || bytes >= (signals?.length ?? Infinity);
  return hasStopped && taken >= BUFFER && taken <= MAX_TAKEN ? taken : undefined;
}

/** The signals of a response. Undefined instead if all of them are as usual, and the body is small. */
interface ResponseSignals {
  /** The server answered the request for an upgrade with an HTTP response. */
  readonly upgradeRefused: boolean;
  /** The status of an answer to CONNECT. */
  readonly connectStatus: number | undefined;
  readonly closes: boolean;
  /** `timeout` of the Keep-Alive header, in seconds, if it is short. */
  readonly keepAlive: number | undefined;
  /** How many bytes the whole response has, if that is known and more than undici's buffer. */
  readonly length: number | undefined;
}

const SHORT_SECONDS = 3;

/** The text of a ProxyAgent's error, which is no API. A live test checks it for each major version. */
const REFUSED = /^Proxy response \((\d{3})\) !== 200 when HTTP Tunneling$/;

/** Reads raw headers (names and values in turn). Makes no string in the usual case. */
function responseSignalsOf(
  response: Response,
  upgradeRefused: boolean,
  connectStatus: number | undefined,
): ResponseSignals | undefined {
  const { headers } = response;
  let closes = false;
  let keepAlive: number | undefined;
  let length: number | undefined;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as Buffer;
    if (name.length === 14) length ??= lengthOf(response, name, headers[i + 1] as Buffer);
    if (name.length !== 10) continue; // the length of `connection` and of `keep-alive`

    const value = headers[i + 1] as Buffer;
    const initial = (name[0] as number) | 0x20;
    if (initial === C && value.length === 5) closes = value.toString('latin1').toLowerCase() === 'close';
    else if (initial === K && !isLongTimeout(value))
      keepAlive = Number(/\btimeout=(\d+)/i.exec(value.toString('latin1'))?.[1]);
  }
  if (keepAlive !== undefined && !(keepAlive <= SHORT_SECONDS)) keepAlive = undefined;
  const isUnusual = upgradeRefused || connectStatus !== undefined || closes || keepAlive !== undefined;
  return isUnusual || length !== undefined ? { upgradeRefused, connectStatus, closes, keepAlive, length } : undefined;
}

/** The length of a response with its headers, if `name` is `content-length` and the body is larger than undici's buffer. */
function lengthOf({ statusText, headers }: Response, name: Buffer, value: Buffer): number | undefined {
  const isShort = value.length < 5 || (value.length === 5 && (value[0] as number) < ZERO + 6);
  if (isShort || name.toString('latin1').toLowerCase() !== 'content-length') return undefined;

  const body = Number(value.toString('latin1'));
  if (!(body >= BUFFER)) return undefined;

  let length = 'HTTP/1.1 200 \r\n\r\n'.length + statusText.length + body;
  for (const text of headers) length += text.length + 2; // `: ` after a name, and the end of the line after a value
  return length;
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
