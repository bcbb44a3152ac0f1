import type { Agent, ClientRequest } from 'node:http';
import type { Handlers } from '../channels.ts';
import type { Client } from '../connection.ts';
import type { Connections } from '../connections.ts';
import { originOfHostHeader } from '../origins.ts';

const http: Client<ClientRequest> = {
  originOf: request => originOfHostHeader(String(request.getHeader('host') ?? request.host), request.protocol),
  wasReused: request => request.reusedSocket,
  isWaiting: request =>
    Object.values(agentOf(request)?.requests ?? {}).some(queue => queue?.includes(request as never)),
  // `destroyed` is also how Node marks a request whose response is read; after an upgrade the socket is somebody else's.
  isOver: request => request.destroyed && request.method !== 'CONNECT' && request.getHeader('upgrade') === undefined,
};

// One request, in the order node:http speaks of it:
//   (net.client.socket, if the agent opens a connection) -> created, same turn -> start (headers and body handed over,
//   maybe before the socket is connected) -> response.finish (response *headers* parsed, despite its name)
//
// Limitations: no channel tells when a request begins on a reused socket before its body is complete; such a connection
// counts as idle until then.
export function httpSource(connections: Connections): Handlers {
  const sent = ({ request }: { request: ClientRequest }) => {
    if (request.socket) connections.requestSent(request.socket, request, http);
  };

  return {
    'http.client.request.created': ({ request }: { request: ClientRequest }) => {
      connections.requestCreated(request, http, agentOf(request));
    },
    'http.client.request.start': sent,
    'http.client.response.finish': sent, // an answer may come before the end of the request's body
  };
}

function agentOf(request: ClientRequest): Agent | undefined {
  return (request as { agent?: Agent }).agent;
}
