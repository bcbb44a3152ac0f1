import type { AddressInfo, Server, Socket } from 'node:net';
import { hostName, type Origin, portNumber, socketPath } from '../core/origins.ts';
import { addressesOf } from '../core/socket-addresses.ts';
import type { Listener, ListenerCounts } from '../metrics/listener-counts.ts';
import type { MetricRegistry } from '../metrics/registry.ts';

/** A server of net, tls, http, https or http2. Each optional property exists on some of these classes only. */
export type AnyServer = Server & {
  /** TLS only. */
  readonly addContext?: unknown;
  /** HTTP/1 only. */
  readonly headersTimeout?: unknown;
  readonly maxRequestsPerSocket?: number | null;
  /** HTTP/2 only. */
  readonly updateSettings?: unknown;
};

interface Entry {
  readonly listener: Listener;
  readonly counts: ListenerCounts;
}

/** The servers of this process, and under which listener the connections of each are counted. */
export class ListeningServers {
  readonly #registry: MetricRegistry;
  readonly #entries = new WeakMap<object, Entry>();
  readonly #known = new WeakSet<object>();
  readonly #ignored = new WeakSet<object>();

  constructor(registry: MetricRegistry) {
    this.#registry = registry;
  }

  /** Nothing of this server is counted from now on. */
  ignore(server: object): void {
    this.#ignored.add(server);
    this.#known.add(server);
  }

  isIgnored(server: object): boolean {
    return this.#ignored.has(server);
  }

  isKnown(server: object): boolean {
    return this.#known.has(server);
  }

  /** Adds a server, or updates its address. Returns what it listens on if it is new, and undefined if it is known or ignored. */
  add(server: AnyServer): Listener | undefined {
    if (this.#ignored.has(server)) return undefined;

    const isNew = !this.#known.has(server);
    this.#known.add(server);
    const listener = listenerOf(server);
    if (listener.origin !== undefined) {
      const counts = this.#registry.listenerCounts(listener.origin, listener.http);
      counts.listening(listener);
      this.#entries.set(server, { listener, counts });
    }
    return isNew ? listener : undefined;
  }

  /** The counts of a server that listens. */
  countsOf(server: AnyServer): ListenerCounts | undefined {
    return this.#entries.get(server)?.counts;
  }

  /** The listener of a connection that the server accepted or was given. */
  find(server: AnyServer, socket: Socket): Entry {
    const entry = this.#entries.get(server);
    if (entry !== undefined) return entry;

    const listener = listenerOf(server);
    const counts = this.#registry.listenerCounts(listener.origin ?? this.#originOf(socket), listener.http);
    return { listener, counts };
  }

  /**
   * Where a socket was accepted whose server does not listen itself: on the known listener with its port, else on its own
   * local address.
   */
  #originOf(socket: Socket): Origin {
    const { localAddress = 'unknown', localPort } = addressesOf(socket);
    const includesSocket = (address: unknown) => address === localAddress || address === '::' || address === '0.0.0.0';
    const known = this.#registry.allListenerCounts.find(
      ({ port, attributes }) =>
        port !== undefined && port === localPort && includesSocket(attributes['server.address']),
    );
    return { address: String(known?.attributes['server.address'] ?? localAddress), port: localPort };
  }
}

function listenerOf(server: AnyServer): Listener {
  const address = server.address();
  const http2 = server.updateSettings !== undefined;
  return {
    origin: address === null ? undefined : originOf(address),
    http: http2 || server.headersTimeout !== undefined,
    tls: server.addContext !== undefined,
    version: http2 ? '2' : '1.1',
  };
}

function originOf(address: string | AddressInfo): Origin {
  return typeof address === 'string'
    ? { address: socketPath(address), port: undefined }
    : { address: hostName(address.address), port: portNumber(address.port) };
}
