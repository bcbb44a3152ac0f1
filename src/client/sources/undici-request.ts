import { type Origin, originOf } from '../../core/origins.ts';
import type { KeepAliveSignals } from '../attribution/close-reason.ts';
import type { ClientAdapter } from '../connection.ts';
import { type ResponseSignals, takenUnread } from './undici-response.ts';

/** What the channels show of a request of fetch or undici. */
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

/** How to read the requests of fetch and undici. */
export const undici: ClientAdapter<UndiciRequest> = {
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

export function originOfRequest({ origin }: Pick<UndiciRequest, 'origin'>): Origin {
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
