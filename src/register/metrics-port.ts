import type { Server } from 'node:http';
import type { AddressInfo, Server as AnyServer } from 'node:net';
import { subscribeAll } from '../core/channels.ts';
import { atFirstEvent } from '../core/first-event.ts';
import type { Guard } from '../core/guard.ts';
import { METRICS_PATH } from './metrics-server.ts';
import { conflictsWith, type ListenAddress, type ListenCall, listenAddress } from './port-conflict.ts';
import { portHolder } from './port-holder.ts';
import type { Ending } from './processes/member.ts';
import type { Sharing } from './processes/sharing.ts';

const { isIP } = process.getBuiltinModule('node:net');

/** Limits how often the server moves, in case the program listens on one port after another. */
const MAX_MOVES = 3;
const FIX = 'set OTEL_EXPORTER_PROMETHEUS_PORT to choose the port';

export interface PortOptions {
  /** The configured address or host name. */
  readonly host: string;
  /** The configured port; 0 for any free port. */
  readonly port: number;
  /** Creates a server that does not listen yet. */
  readonly createServer: () => Server;
  /** Called before the server listens, with the host name that Node will look up, if any. */
  readonly ignoreServer: (server: Server, name: string | undefined) => void;
  /** This process only starts the program. */
  readonly isLauncher: () => boolean;
  /** The setting `CONNMETER_SHARE`. */
  readonly share: boolean;
  /** Calls back once, when another thread has an event that is measured. */
  readonly atEventInThread: (begin: () => void) => void;
  /** Lets several processes of one service share the port; undefined if each serves its own metrics. */
  readonly sharing: () => Sharing | undefined;
  /** Prints a line if the metrics are not served, or on another port. */
  readonly warn: (line: string) => void;
  /** Prints a line that is only informative. */
  readonly info: (line: string) => void;
  readonly guard: Guard;
}

/**
 * Serves the metrics on the configured port. It starts listening at the first event that is measured: a connection attempt, or
 * a server that listens, in whichever thread. So a launcher that does neither leaves the port to the program it starts. If the program itself
 * listens on that port, our server closes, and listens on a free port instead.
 */
export class MetricsPort {
  readonly #options: PortOptions;
  /** The address that our server listens on, or will. */
  #address: ListenAddress;
  #server: Server | undefined;
  /** Servers of the program that started to listen on our port, since our server last did. */
  #conflicting: WeakRef<AnyServer>[] = [];
  #moves = 0;
  #listenSoon: () => void;
  #unsubscribe: () => void;

  constructor(options: PortOptions) {
    const { guard } = options;
    this.#options = options;
    this.#address = listenAddress(options);
    this.#listenSoon = this.#inCurrentContext();

    let hasBegun = false;
    const begin = () => {
      if (!hasBegun) this.#listenSoon();
      hasBegun = true;
    };
    atFirstEvent(guard, begin);
    options.atEventInThread(begin);
    this.#unsubscribe = subscribeAll(guard, {
      'tracing:net.server.listen:asyncStart': ({ server, options }: { server: AnyServer; options: ListenCall }) => {
        if (server !== this.#server && conflictsWith(options, this.#address)) this.#makeWayFor(server);
      },
      'tracing:net.server.listen:error': ({ server }: { server: AnyServer }) => {
        this.#conflicting = this.#conflicting.filter(program => program.deref() !== server);
      },
    });
  }

  /** Node binds the program's port later, in this turn or another one. Closing our server frees the port at once. */
  #makeWayFor(program: AnyServer): void {
    this.#conflicting.push(new WeakRef(program));
    if (this.#server === undefined) return; // not listening yet

    this.#server.close();
    this.#server.closeAllConnections(); // otherwise scrapers would keep using them, on the program's port
    this.#server = undefined;
    this.#listenSoon();
  }

  #listen(): void {
    const { createServer, guard, ignoreServer, isLauncher, share, warn, info } = this.#options;
    if (isLauncher()) return;

    this.#listenSoon = this.#inCurrentContext();

    const formerPort = this.#conflicting.length > 0 ? this.#address.port : undefined;
    this.#conflicting = [];
    if (formerPort !== undefined) {
      if (++this.#moves > MAX_MOVES) {
        const why = `this program also listens on each port that they move to, most recently ${formerPort}`;
        this.#giveUp(`the metrics are no longer served: ${why}; ${FIX}`);
        return;
      }
      this.#address = { ...this.#address, port: 0 };
    }
    if (isForbidden()) {
      this.#giveUp(`cannot serve ${this.#url()}: --permission does not allow it, add --allow-net`);
      return;
    }

    const sharing = this.#options.sharing();
    const server = createServer();
    this.#server = server;
    const { address, port } = this.#address;
    ignoreServer(server, isIP(address) === 0 ? address : undefined);
    const listening = guard('serve the metrics', () => {
      this.#address = server.address() as AddressInfo;
      sharing?.hold();
      if (formerPort !== undefined) {
        warn(
          `this program listens on port ${formerPort} itself: connmeter's metrics are now at ${this.#url()}; ${FIX}`,
        );
      } else if (port === 0) {
        info(`the metrics are at ${this.#url()} (OTEL_EXPORTER_PROMETHEUS_PORT is set to 0)`);
      }
    });
    const failed = guard('serve the metrics', ({ code, message }: NodeJS.ErrnoException) => {
      if (server !== this.#server || server.listening) return; // a failed accept does not stop the server

      const isInUse = code === 'EADDRINUSE';
      const refused = (ending?: Ending) => {
        const fix = isInUse ? `: ${portHolder({ isWanted: share, ending })}` : '';
        this.#giveUp(`cannot serve ${this.#url()} (${code ?? message})${fix}`);
      };
      if (isInUse && sharing !== undefined) sharing.join({ refused, lost: () => this.#listenSoon() });
      else refused();
    });
    server.on('listening', listening).on('error', failed);
    server.listen({ host: address, port, exclusive: true });
  }

  /**
   * Returns a function that makes the server listen soon, in the async context of this call. Otherwise the server would
   * belong to the async context of the program's current request, and retain its AsyncLocalStorage stores.
   */
  #inCurrentContext(): () => void {
    let resolveSoon = () => {};
    new Promise<void>(resolve => {
      resolveSoon = resolve;
    }).then(this.#options.guard('serve the metrics', () => this.#listen()));
    return resolveSoon;
  }

  #giveUp(why: string): void {
    this.#unsubscribe();
    this.#server = undefined;
    this.#options.warn(why);
  }

  #url(): string {
    const { host } = this.#options;
    return `http://${isIP(host) === 6 ? `[${host}]` : host}:${this.#address.port}${METRICS_PATH}`;
  }
}

/** Whether the permission model of Node 25 and later forbids to listen (`--allow-net`). Trying would end the program. */
function isForbidden(): boolean {
  const permission = process.permission as typeof process.permission | undefined;
  return permission !== undefined && !permission.has('net') && process.allowedNodeEnvironmentFlags.has('--allow-net');
}
