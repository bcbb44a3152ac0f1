import type { Server } from 'node:http';
import type { AddressInfo, Server as AnyServer } from 'node:net';
import { subscribeAll } from '../core/channels.ts';
import type { Guard } from '../core/guard.ts';
import { METRICS_PATH } from './metrics-server.ts';
import { conflictsWith, type ListenAddress, type ListenCall } from './port-conflict.ts';

const { isIP } = process.getBuiltinModule('node:net');

/** A program that listens on one port after the other could make our server follow for ever. */
const MAX_MOVES = 3;
const CHOOSE = 'set OTEL_EXPORTER_PROMETHEUS_PORT to choose the port';

export interface PortOptions {
  /** Address or name, as configured. */
  readonly host: string;
  /** As configured; 0 for one that is free. */
  readonly port: number;
  /** Makes a server that does not listen yet. */
  readonly createServer: () => Server;
  /** Called before the server listens, with the name that Node looks up for it, if it does. */
  readonly ignoreServer: (server: Server, name: string | undefined) => void;
  /** A line for what went wrong, or is not where it was. */
  readonly warn: (line: string) => void;
  /** A line for what is as it was asked for. */
  readonly announce: (line: string) => void;
  readonly guard: Guard;
}

/**
 * The port of the metrics. It is taken with the first event there is to measure, a connection attempted or a server that
 * listens: a launcher that does neither leaves it to the program it starts. Where the program itself listens on it, our
 * server makes room and listens on a free one.
 */
export class MetricsPort {
  readonly #options: PortOptions;
  /** Where our server listens, or is going to. */
  #place: ListenAddress;
  #server: Server | undefined;
  /** Servers of the program that began to listen there since we last bound. */
  #programs: WeakRef<AnyServer>[] = [];
  #moves = 0;
  #bindSoon: () => void;
  #stopListening: () => void;

  constructor(options: PortOptions) {
    const { host, port, guard } = options;
    this.#options = options;
    // One listener: whoever asks for localhost at ::1 is refused there, and asks here next.
    this.#place = { address: host === 'localhost' ? '127.0.0.1' : host, port };
    this.#bindSoon = this.#inThisContext();

    const stopWaiting = subscribeAll(guard, {
      'net.client.socket': () => begin(),
      'tracing:net.server.listen:asyncEnd': () => begin(),
    });
    const begin = () => {
      stopWaiting();
      this.#bindSoon();
    };
    this.#stopListening = subscribeAll(guard, {
      'tracing:net.server.listen:asyncStart': ({ server, options }: { server: AnyServer; options: ListenCall }) => {
        if (server !== this.#server && conflictsWith(options, this.#place)) this.#makeRoomFor(server);
      },
      'tracing:net.server.listen:error': ({ server }: { server: AnyServer }) => {
        this.#programs = this.#programs.filter(program => program.deref() !== server);
      },
    });
  }

  /** Node binds the program's port after this, in the same turn or a later one. Closing ours frees it at once. */
  #makeRoomFor(program: AnyServer): void {
    this.#programs.push(new WeakRef(program));
    if (this.#server === undefined) return; // we have not begun

    this.#server.close();
    this.#server.closeAllConnections(); // a scraper would go on asking us, under the program's port
    this.#server = undefined;
    this.#bindSoon();
  }

  #bind(): void {
    const { createServer, ignoreServer, warn, announce } = this.#options;
    this.#bindSoon = this.#inThisContext();

    const left = this.#programs.length > 0 ? this.#place.port : undefined;
    this.#programs = [];
    if (left !== undefined) {
      if (++this.#moves > MAX_MOVES) {
        const why = `this program listens on each port that they are served on, ${left} the last`;
        this.#giveUp(`the metrics are no longer served: ${why}; ${CHOOSE}`);
        return;
      }
      this.#place = { ...this.#place, port: 0 };
    }
    if (isForbidden()) {
      this.#giveUp(`cannot serve ${this.#url()}: --permission does not allow it, add --allow-net`);
      return;
    }

    const server = createServer();
    this.#server = server;
    const { address, port } = this.#place;
    ignoreServer(server, isIP(address) === 0 ? address : undefined);
    server.on('listening', () => {
      this.#place = server.address() as AddressInfo;
      if (left !== undefined) {
        warn(`this program listens on port ${left} itself: connmeter's metrics are now at ${this.#url()}; ${CHOOSE}`);
      } else if (port === 0) {
        announce(`the metrics are at ${this.#url()} (OTEL_EXPORTER_PROMETHEUS_PORT is set to 0)`);
      }
    });
    server.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      if (server !== this.#server || server.listening) return; // an accept that failed is not the end

      const cure = code === 'EADDRINUSE' ? ': the port is taken, set OTEL_EXPORTER_PROMETHEUS_PORT to a free one' : '';
      this.#giveUp(`cannot serve ${this.#url()} (${code ?? message})${cure}`);
    });
    server.listen({ host: address, port, exclusive: true });
  }

  /**
   * Returns what has us bind soon, in the async context of now. Else our server would belong to the request or domain that
   * the program is busy with, and keep its AsyncLocalStorage stores for ever.
   */
  #inThisContext(): () => void {
    let begin = () => {};
    new Promise<void>(resolve => {
      begin = resolve;
    }).then(this.#options.guard('serve the metrics', () => this.#bind()));
    return begin;
  }

  #giveUp(why: string): void {
    this.#stopListening();
    this.#server = undefined;
    this.#options.warn(why);
  }

  #url(): string {
    const { host } = this.#options;
    return `http://${isIP(host) === 6 ? `[${host}]` : host}:${this.#place.port}${METRICS_PATH}`;
  }
}

/** Under the permission model of Node 25 and later, where it takes `--allow-net` to listen. Listening would end the program. */
function isForbidden(): boolean {
  const permission = process.permission as typeof process.permission | undefined;
  return permission !== undefined && !permission.has('net') && process.allowedNodeEnvironmentFlags.has('--allow-net');
}
