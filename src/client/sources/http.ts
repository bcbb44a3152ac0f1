import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Handlers } from '../../core/channels.ts';
import { isNetworkError } from '../../core/error-origin.ts';
import type { Guard } from '../../core/guard.ts';
import { guardedListeners, includeInMaxListeners, prependListeners } from '../../core/listeners.ts';
import { originOf, portInHostHeader, portNumber } from '../../core/origins.ts';
import { isTunnelFailure } from '../../core/tunnels.ts';
import type { CallSites } from '../attribution/call-sites.ts';
import type { KeepAliveSignals } from '../attribution/close-reason.ts';
import { poolOfRequest } from '../attribution/pool-identity.ts';
import type { Arrived, ClientAdapter } from '../connection.ts';
import type { Connections } from '../connections.ts';
import { tunnelListeners } from './net.ts';

const { errorMonitor } = process.getBuiltinModule('node:events');

// The order of events of one request of node:http and node:https:
//   (net.client.socket, if the agent opens a connection) -> created, same turn
//     -> start (headers and body are written, maybe before the socket is connected)
//     -> response.finish (the response *headers* are parsed, despite its name)
//     -> the socket's free (the connection is idle) | agentRemove (after an upgrade or CONNECT) | close
//
// Limitations: if a request is sent on a reused socket, no channel publishes it before its body is complete. Until then, the
// connection counts as idle.
export function httpSource(connections: Connections, callSites: CallSites, guard: Guard): Handlers {
  const socketListeners = guardedListeners(guard, {
    free(this: Socket) {
      connections.returnedToPool(this);
    },
    agentRemove(this: Socket) {
      connections.removedFromPool(this);
    },
  });
  const listenersInTunnel = tunnelListeners(connections, guard);
  /** From now on, Node adds listeners to the socket for every request. */
  const addListeners = (socket: Socket) => {
    prependListeners(socket, socketListeners);
    if (connections.tunnels.isInside(socket)) prependListeners(socket, listenersInTunnel);
    includeInMaxListeners(socket);
  };

  // Node's own agent connects in the same turn, and then sends CONNECT. No channel publishes that it failed.
  const watchTunnel = (request: ClientRequest, opened: Socket | undefined) => {
    if (opened === undefined) return;

    const onError = (error: unknown) => {
      if (isTunnelFailure(error)) connections.tunnels.failed(opened, error);
    };
    request.prependListener(errorMonitor, guard('error', onError));
  };

  const queueListeners = guardedListeners(guard, {
    socket(this: ClientRequest, socket: Socket) {
      connections.requestGotSocket(this, socket);
    },
    close(this: ClientRequest) {
      connections.requestGaveUp(this);
    },
  });
  const watchQueue = (request: ClientRequest) => {
    connections.requestQueued(request, http);
    prependListeners(request, queueListeners);
  };

  return {
    'http.client.request.created': ({ request }: { request: ClientRequest }) => {
      const opened = connections.requestCreated(request, http);
      if (opened !== undefined) addListeners(opened);
      else if (isQueued(request)) watchQueue(request);
      else if (mayUseProxy(request)) watchTunnel(request, connections.latestAttempt);
      callSites.requestCreated(request, http);
    },
    'http.client.request.start': ({ request }: { request: ClientRequest }) => {
      const { socket } = request;
      if (!socket || refusingProxy(request) !== undefined) return;

      if (connections.requestSent(socket, request, http, undefined)) addListeners(socket);
    },
    // After errors of the HTTP parser (HPE_*) and of OpenSSL, Node destroys the socket without an error.
    'http.client.request.error': ({ request, error }: { request: ClientRequest; error: unknown }) => {
      const { socket } = request;
      if (!socket) return;

      if (socket.errored === error) connections.requestFailedOn(socket, request, error);
      else if (isNetworkError(error)) connections.errored(socket, error);
    },
    'http.client.response.finish': ({ request, response }: { request: ClientRequest; response: IncomingMessage }) => {
      const { socket } = request;
      const proxy = refusingProxy(request);
      if (proxy !== undefined) connections.tunnels.refused(portOf(proxy), Number(response.statusCode));
      else if (socket && connections.responseStarted(socket, request, http, response)) addListeners(socket);
    },
  };
}

const http: ClientAdapter<ClientRequest> = {
  // What is dialled. The `Host` header does not count, because proxies copy it from strangers.
  originOf: (request, socket) => {
    const port = portDialled(request, socket) ?? portInHostHeader(request.getHeader('host'), request.host);
    return originOf(request.host, port, request.protocol);
  },
  nameOf: request => {
    const host = request.getHeader('host');
    return typeof host === 'string' ? host : request.host;
  },
  namedHost: () => undefined,
  wasReused: request => request.reusedSocket,
  isQueued,
  opened: (request, socket) => agentOf(request)?.sockets === undefined || nameOfSocket(request, socket) !== undefined,
  poolOf: request => poolOfRequest(agentOf(request) ?? request, limitOf(agentOf(request))),
  isConnect: ({ method }) => method === 'CONNECT',
  connectStatus: request => (request as { res?: IncomingMessage | null }).res?.statusCode,
  // Node also destroys a request when its response is read, or after an upgrade.
  isFinished: request => request.destroyed,
  mayTakeOver,
  // While the program still writes the request, that keeps the connection.
  takenUnread: (request, response, arrived) =>
    response === undefined || !request.writableFinished ? undefined : takenUnread(response as IncomingMessage, arrived),
  pipelines: false,
  showsQueue: true,
  maxIdle: request => agentOf(request)?.maxFreeSockets ?? Infinity,
  idleCount: (request, port) => freeSocketsTo(`${request.host}:${port}:`, agentOf(request)),
  signalsOf,
  isSending: () => false, // a connection returns to its agent only after that
  // When the network fails, Node destroys the request and the response later.
  isFromProgram: (request, response, error) =>
    request.destroyed || (response as IncomingMessage | undefined)?.errored === error || isOfProgram(error),
  maxAge: request => ageLimitOf(agentOf(request)),
  signalsOfFinished: (_request, response) =>
    hasShortKeepAlive(response as IncomingMessage | undefined) ? REUSABLE_BRIEFLY : REUSABLE,
  withRequestHeaders: signals => signals,
};

/** Agents assume that the server closes an idle connection this much earlier than it promised. */
const MARGIN_SECONDS = 1;

/** The signals of a request whose connection the agent took back. */
const REUSABLE: KeepAliveSignals = {
  methodNotReusable: false,
  clientCloses: false,
  closeIsExplicit: true,
  serverCloses: false,
  keepAlive: undefined,
  keepAliveMargin: MARGIN_SECONDS,
  sent: true,
  complete: true,
  aborted: true,
  upgraded: false,
};
/** The same if the server promised to keep the connection for no longer than the margin. */
const REUSABLE_BRIEFLY: KeepAliveSignals = { ...REUSABLE, keepAlive: MARGIN_SECONDS };

function signalsOf(request: ClientRequest, message: object | undefined): KeepAliveSignals {
  const response = message as IncomingMessage | undefined;
  const { closes, keepAlive } = response === undefined ? NO_SIGNALS : responseSignalsOf(response.rawHeaders);
  const serverCloses = closes || response?.httpVersion === '1.0';
  const clientCloses = closesAfter(request);
  // Without that, the agent would have kept the connection.
  const isGivenUp =
    response?.readableEnded === false && (request.destroyed || response.destroyed) && !clientCloses && !serverCloses;
  return {
    // If the response to HEAD has no length, Node's parser expects that the connection ends.
    methodNotReusable: request.method === 'HEAD' && !clientCloses && !serverCloses,
    clientCloses,
    closeIsExplicit: true,
    serverCloses,
    keepAlive,
    keepAliveMargin: MARGIN_SECONDS,
    sent: response === undefined || !isStillSending(request, response),
    complete: response?.complete === true && !isGivenUp,
    aborted: request.destroyed || isOfProgram(request.socket?.errored),
    upgraded: false, // if it had been, the agent would not own the connection
  };
}

/**
 * Whether the response was read to its end while the request was still being sent. On Node 22, `writableFinished` changes when the
 * socket is destroyed. But then the agent would have the connection back, if nothing else were on it.
 */
function isStillSending(request: ClientRequest, response: IncomingMessage): boolean {
  return request.writableFinished === false || (response.readableEnded === true && request.shouldKeepAlive === true);
}

/**
 * Whether the client closes the connection after the request. Without a `Connection` header of the program, Node decides it:
 * `shouldKeepAlive` is false if the agent does not say that it keeps connections, and later also if the server closes.
 */
function closesAfter(request: ClientRequest): boolean {
  const agent = agentOf(request);
  if (agent?.keepAlive === false) return true;

  const header = request.getHeader('connection');
  if (header !== undefined) return includesClose(header);
  // An agent that keeps connections did not decide it: the server closes, or its response to HEAD has no length.
  return request.shouldKeepAlive === false && agent?.keepAlive !== true;
}

/**
 * A stream that somebody pipes a response into may keep this much before the pipe stops: several buffers of 64 KiB. If more was
 * taken, something reads.
 */
const MAX_PIPED = 6 * 65_536;

/**
 * Nobody reads a response if it is not flowing, has no listener for `data` or `readable`, and nothing was ever read. So code that
 * waits for the first byte, in whatever way, is never taken for code that does not read. A pipe that stopped is the one exception:
 * some clients pipe every response into a stream of their own, which the program may leave unread.
 */
function takenUnread(response: IncomingMessage, { bytes }: Arrived): number | undefined {
  const { readableFlowing, readableDidRead, readableEnded, destroyed, readableLength } = response;
  if (readableFlowing === true || readableEnded || destroyed || response.listenerCount('readable') > 0)
    return undefined;
  if (!readableDidRead) return response.listenerCount('data') === 0 ? 0 : undefined;

  const taken = bytes - readableLength;
  return taken <= MAX_PIPED && isPiped(response) ? taken : undefined;
}

/** Whether all that listens for data is `stream.pipe`, whose listener has this name. */
function isPiped(response: IncomingMessage): boolean {
  const listeners = response.listeners('data');
  return listeners.length > 0 && listeners.every(({ name }) => name === 'ondata');
}

function mayTakeOver(request: ClientRequest): boolean {
  return request.method === 'CONNECT' || request.getHeader('upgrade') !== undefined;
}

/** Whether the program destroyed a socket with this error. */
function isOfProgram(error: unknown): boolean {
  return error !== undefined && error !== null && !isNetworkError(error);
}

/** The settings and lists of an agent. An agent that the program implements itself may have none of them. */
type PoolingAgent = Partial<
  Pick<Agent, 'maxSockets' | 'maxTotalSockets' | 'maxFreeSockets' | 'freeSockets' | 'sockets' | 'requests'>
> & {
  readonly keepAlive?: boolean;
  readonly proxy?: AgentProxy | null;
  readonly options?: {
    readonly proxyEnv?: unknown;
    /** agentkeepalive: the age at which it closes a connection, in milliseconds. 0 for never. */
    readonly socketActiveTTL?: unknown;
  };
};

/** How many connections to one origin the agent opens at most. */
function limitOf({ maxSockets = Infinity, maxTotalSockets = Infinity }: PoolingAgent = {}): number {
  return Math.min(maxSockets, maxTotalSockets);
}

function ageLimitOf(agent: PoolingAgent | undefined): number | undefined {
  const limit = agent?.options?.socketActiveTTL;
  return typeof limit === 'number' && limit > 0 ? limit / 1_000 : undefined;
}

/** The proxy of an agent that tunnels, such as https-proxy-agent: a URL, or an object with its parts. */
interface AgentProxy {
  readonly protocol?: unknown;
  readonly port?: unknown;
}

function agentOf(request: ClientRequest): PoolingAgent | undefined {
  return (request as { agent?: PoolingAgent }).agent;
}

/**
 * The port that the request's agent dials: for the socket that it has just created, for the request that has just joined its queue, or
 * else for any socket to the request's host. The keys of an agent's lists start with host and port (https://nodejs.org/api/http.html#agentgetnameoptions), and a new
 * socket is the last of its list.
 */
function portDialled(request: ClientRequest, socket: Socket | undefined): number | undefined {
  const name = (socket === undefined ? nameOfQueue(request) : undefined) ?? nameOfSocket(request, socket);
  return name === undefined ? undefined : portIn(name, request.host);
}

function nameOfSocket(request: ClientRequest, socket: Socket | undefined): string | undefined {
  const lists = agentOf(request)?.sockets;
  if (lists === undefined) return undefined;

  const { host } = request;
  if (isNameOf(latest.name, host, lists, socket)) return latest.name;

  for (const name in lists) if (isNameOf(name, host, lists, socket)) return name;
  return undefined;
}

function isNameOf(name: string, host: string, lists: Agent['sockets'], socket: Socket | undefined): boolean {
  if (!name.startsWith(host) || name.charCodeAt(host.length) !== COLON) return false;

  const sockets = lists[name];
  return socket === undefined ? sockets !== undefined : sockets?.at(-1) === socket;
}

const COLON = ':'.charCodeAt(0);

/** The name that was read last. A program mostly connects to the same server again. */
let latest: { readonly name: string; readonly host: string; readonly port: number | undefined } = {
  name: '',
  host: '',
  port: undefined,
};

function portIn(name: string, host: string): number | undefined {
  if (latest.name !== name || latest.host !== host)
    latest = { name, host, port: portNumber(Number.parseInt(name.slice(host.length + 1), 10)) };
  return latest.port;
}

/**
 * Whether Node's own agent has just connected for the request, maybe to a proxy: because of an option, or of
 * `NODE_USE_ENV_PROXY`.
 */
function mayUseProxy(request: ClientRequest): boolean {
  const agent = agentOf(request);
  return agent?.options?.proxyEnv !== undefined && !request.reusedSocket;
}

/** Whether a request that was just created waits in the queue of its agent. */
function isQueued(request: ClientRequest): boolean {
  return !request.reusedSocket && nameOfQueue(request) !== undefined;
}

/** The queue that the request has just joined: it is the last one there. Queues have the same names as lists of sockets. */
function nameOfQueue(request: ClientRequest): string | undefined {
  const queues = agentOf(request)?.requests;
  for (const name in queues) if (queues[name]?.at(-1) === (request as never)) return name;
  return undefined;
}

/**
 * The proxy that refused the tunnel for the request. Its agent then gives the request a socket that never connects, and emits
 * the proxy's answer on it.
 */
function refusingProxy(request: ClientRequest): AgentProxy | undefined {
  const proxy = agentOf(request)?.proxy;
  if (typeof proxy !== 'object' || proxy === null) return undefined;

  const { socket } = request;
  return socket?.pending && !socket.connecting && !socket.destroyed ? proxy : undefined;
}

function portOf({ protocol, port }: AgentProxy): number {
  return Number(port) || (protocol === 'https:' ? 443 : 80);
}

function freeSocketsTo(hostAndPort: string, agent: PoolingAgent | undefined): number {
  const lists = Object.entries(agent?.freeSockets ?? {}).filter(([name]) => name.startsWith(hostAndPort));
  return Math.max(0, ...lists.map(([, sockets]) => sockets?.length ?? 0));
}

/** The keep-alive signals in the headers of a response. */
interface ResponseSignals {
  readonly closes: boolean;
  /** `timeout` of the Keep-Alive header, in seconds. */
  readonly keepAlive: number | undefined;
}

const NO_SIGNALS: ResponseSignals = { closes: false, keepAlive: undefined };

/** Reads raw headers (names and values in turn): `response.headers` is created on first access, and most programs never do that. */
function responseSignalsOf(headers: readonly string[]): ResponseSignals {
  let closes = false;
  let keepAlive: number | undefined;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== 10) continue; // the length of `connection` and of `keep-alive`

    const value = headers[i + 1] as string;
    const lowerCased = name.toLowerCase();
    if (lowerCased === 'connection') closes ||= includesClose(value);
    else if (lowerCased === 'keep-alive') keepAlive ??= timeoutOf(value);
  }
  return { closes, keepAlive };
}

function includesClose(connectionHeader: unknown): boolean {
  if (connectionHeader === undefined || connectionHeader === 'keep-alive') return false;

  return connectionHeader === 'close' || /\bclose\b/i.test(String(connectionHeader));
}

function timeoutOf(keepAliveHeader: string): number | undefined {
  const seconds = /\btimeout=(\d+)/i.exec(keepAliveHeader)?.[1];
  return seconds === undefined ? undefined : Number(seconds);
}

/** Whether the server promised to keep the connection for no longer than the margin. Allocates nothing in the usual cases. */
function hasShortKeepAlive(response: IncomingMessage | undefined): boolean {
  const headers = response?.rawHeaders ?? NO_HEADERS;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== 10 || (name.charCodeAt(0) | 0x20) !== K || isLongTimeout(headers[i + 1] as string)) continue;

    const { keepAlive } = responseSignalsOf(headers);
    return keepAlive !== undefined && keepAlive <= MARGIN_SECONDS;
  }
  return false;
}

const NO_HEADERS: readonly string[] = [];
const K = 'k'.charCodeAt(0);
const T = 't'.charCodeAt(0);
const EQUALS = '='.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);

/** Recognizes `timeout=5`, which Node's own servers send, by its characters. */
function isLongTimeout(value: string): boolean {
  if ((value.charCodeAt(0) | 0x20) !== T || value.charCodeAt(7) !== EQUALS) return false;

  const first = value.charCodeAt(8) - ZERO;
  if (!(first > 0 && first <= 9)) return false;

  const second = value.charCodeAt(9) - ZERO;
  return first > MARGIN_SECONDS || (second >= 0 && second <= 9);
}
