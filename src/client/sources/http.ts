import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Handlers } from '../../core/channels.ts';
import { isNetworkError } from '../../core/error-origin.ts';
import type { Guard } from '../../core/guard.ts';
import { guardedListeners, includeInMaxListeners, prependListeners } from '../../core/listeners.ts';
import { isTunnelFailure } from '../../core/tunnels.ts';
import type { CallSites } from '../attribution/call-sites.ts';
import type { Connections } from '../connections.ts';
import { isQueued, mayUseProxy, portOf, refusingProxy } from './http-agent.ts';
import { http } from './http-request.ts';
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
