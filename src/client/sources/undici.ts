import type { Socket } from 'node:net';
import type { Handlers } from '../../core/channels.ts';
import { messageOf } from '../../core/errors.ts';
import type { Guard } from '../../core/guard.ts';
import { type Origin, originOf } from '../../core/origins.ts';
import type { CallSites } from '../attribution/call-sites.ts';
import { poolOfConnector, poolOfDispatcher, type ReadClient } from '../attribution/pool-identity.ts';
import type { Connections } from '../connections.ts';
import { WATCHED, type WatchedRequest } from '../watch-dispatcher.ts';
import { watchGlobalDispatchers } from './global-dispatcher.ts';
import { originOfRequest, type UndiciRequest, undici } from './undici-request.ts';
import { responseSignalsOf, type UndiciResponse } from './undici-response.ts';

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

/** The text of a ProxyAgent's error, which is no API. A live test checks it for each major version. */
const REFUSED = /^Proxy response \((\d{3})\) !== 200 when HTTP Tunneling$/;

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
  readonly response: UndiciResponse;
}

function originOfParams({ hostname, port, protocol }: ConnectParams): Origin {
  return originOf(hostname, port, protocol);
}

function originOfText(origin: unknown): Origin | undefined {
  return origin === undefined ? undefined : originOfRequest({ origin: String(origin) });
}
