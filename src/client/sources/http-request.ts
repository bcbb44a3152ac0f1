import type { ClientRequest, IncomingMessage } from 'node:http';
import { isOfProgram } from '../../core/error-origin.ts';
import { originOf, portInHostHeader } from '../../core/origins.ts';
import { poolOfRequest } from '../attribution/pool-identity.ts';
import type { Arrived, ClientAdapter } from '../connection.ts';
import { ageLimitOf, agentOf, freeSocketsTo, isQueued, limitOf, nameOfSocket, portDialled } from './http-agent.ts';
import { signalsOf, signalsOfReusable } from './http-keep-alive.ts';

/** How to read the requests of `node:http` and `node:https`. */
export const http: ClientAdapter<ClientRequest> = {
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
  idleCount: freeSocketsTo,
  signalsOf: (request, response) => signalsOf(request, response as IncomingMessage | undefined),
  isSending: () => false, // a connection returns to its agent only after that
  // When the network fails, Node destroys the request and the response later.
  isFromProgram: (request, response, error) =>
    request.destroyed || (response as IncomingMessage | undefined)?.errored === error || isOfProgram(error),
  maxAge: request => ageLimitOf(agentOf(request)),
  signalsOfFinished: (_request, response) => signalsOfReusable(response as IncomingMessage | undefined),
  withRequestHeaders: signals => signals,
};

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
