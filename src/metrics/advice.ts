import type { Origin } from '../core/origins.ts';
import { MIN_OBSERVATIONS } from './idle-limit.ts';
import type { ListenerCounts } from './listener-counts.ts';
import type { OriginCounts } from './origin-counts.ts';

/**
 * What to change so that no request is lost because both sides close an idle connection. The side that sends requests has to close
 * first. Drawn from at least 20 closes.
 */
export interface Advice extends Origin {
  /**
   * `client_idle_timeout`: the server of this origin closes idle connections before the client does.
   * `server_keep_alive`: the server of this process, at this address, closes idle connections of proxies before they do.
   */
  readonly kind: 'client_idle_timeout' | 'server_keep_alive';
  /** After so many idle seconds the closes came. */
  readonly seconds: number;
  /** From how many closes this is known. */
  readonly observations: number;
  /** The line to write. */
  readonly code: string;
}

/** @internal All advice, for the origins and listeners that are counted. */
export function adviceOf(origins: readonly OriginCounts[], listeners: readonly ListenerCounts[]): Advice[] {
  return [...origins.map(toClient), ...listeners.map(toServer)].filter(advice => advice !== undefined);
}

/** A client should give up this much earlier than the server: an answer is on its way for a while. */
const EARLIER = 0.8;

function toClient({ address, port, idleLimit, idleOwner }: OriginCounts): Advice | undefined {
  const { learned } = idleLimit;
  if (learned === undefined) return undefined;

  const milliseconds = withSeparators(Math.floor(learned.seconds * EARLIER * 1000));
  const code =
    idleOwner === 'undici'
      ? `new Agent({ keepAliveTimeout: ${milliseconds} })`
      : `new http.Agent({ keepAlive: true, timeout: ${milliseconds} })`;
  return { kind: 'client_idle_timeout', address, port, ...learned, code };
}

/** Above the limit of AWS' balancers, 60 s, if the one of the proxy is not known. */
const USUAL_SECONDS = 65;
/** A server has to keep connections this many seconds longer than its proxy. */
const LATER_SECONDS = 5;

function toServer({ address, port, proxiedIdle }: ListenerCounts): Advice | undefined {
  const { closedByServer, givesUpFirst, serverLimit, proxyLimit } = proxiedIdle;
  if (!givesUpFirst || closedByServer < MIN_OBSERVATIONS || serverLimit === undefined) return undefined;

  const keep = proxyLimit === undefined ? USUAL_SECONDS : Math.ceil(proxyLimit.seconds + LATER_SECONDS);
  const code = `server.keepAliveTimeout = ${withSeparators(keep * 1000)}`;
  return { kind: 'server_keep_alive', address, port, ...serverLimit, code };
}

function withSeparators(milliseconds: number): string {
  return String(milliseconds).replace(/\B(?=(?:\d{3})+$)/g, '_');
}
