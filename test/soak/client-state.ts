// State that the jobs of a soak share, and faults that affect all of them: destroyed pools, failing lookups, clock jumps.
import dns from 'node:dns';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import type { ClientTask, ServerName } from './plan.ts';
import type { Random } from './random.ts';

type Undici = Pick<typeof undici8, 'Agent' | 'request'>;
export type Version = 'undici6' | 'undici7' | 'undici8';
export const UNDICIS = {
  undici6: undici6 as unknown as Undici,
  undici7: undici7 as unknown as Undici,
  undici8,
} satisfies Record<Version, Undici>;

/** A name that only the lookup function below resolves, and not always. */
export const FLAKY_NAME = 'flaky.test';

type Pools = ReturnType<typeof poolsOf>;

export class ClientState {
  readonly ports: ClientTask['ports'];
  readonly refused: number;
  readonly ca: string[];
  pools: Pools;
  /** Pools that are never destroyed during use, because requests on shared HTTP/2 connections could be lost. */
  readonly lasting: Pools;
  /** Lookups counted by the lookup function. */
  readonly lookups = { succeeded: 0, failed: 0 };
  readonly faults: Record<string, number> = {};
  #resolverIsDown = false;
  #clock = 0;
  readonly #sessions = new Map<string, http2.ClientHttp2Session>();
  readonly #openSessions = new Set<http2.ClientHttp2Session>();

  constructor({ ports, refused, ca }: ClientTask) {
    this.ports = ports;
    this.refused = refused;
    this.ca = [...ca];
    this.pools = poolsOf(this.ca, this.lookup);
    this.lasting = poolsOf(this.ca, this.lookup);
    this.#fakeClock();
  }

  readonly url = (server: ServerName, path = '/', host = '127.0.0.1'): string => {
    const scheme = server === 'https' || server === 'h2' || server === 'rude' ? 'https' : 'http';
    return `${scheme}://${host}:${this.ports[server]}${path}`;
  };

  /** Resolves a name, or fails like the system resolver. */
  readonly lookup: LookupFunction = (name, options, callback) => {
    if (this.#resolverIsDown) {
      this.lookups.failed++;
      const error = Object.assign(new Error(`getaddrinfo EAI_AGAIN ${name}`), {
        code: 'EAI_AGAIN',
        syscall: 'getaddrinfo',
      });
      process.nextTick(callback, error, '', 4);
      return;
    }
    dns.lookup('localhost', { all: options.all === true, family: 4 }, (error, ...found: unknown[]) => {
      this.lookups[error ? 'failed' : 'succeeded']++;
      (callback as (...args: unknown[]) => void)(error, ...found);
    });
  };

  /** The shared session to a server; a closed one is replaced. */
  readonly session = (server: ServerName): http2.ClientHttp2Session => {
    let session = this.#sessions.get(server);
    if (session === undefined || session.closed || session.destroyed) {
      session = http2.connect(this.url(server), { ca: this.ca });
      this.#watch(session);
      this.#sessions.set(server, session);
    }
    return session;
  };

  /** Injects a random fault that affects all jobs. */
  injectFault(random: Random): void {
    const fault = random.pick([
      'agent destroyed',
      'agent destroyed',
      'resolver down',
      'clock jumped',
      'session closed',
    ] as const);
    this.#count(fault);
    switch (fault) {
      case 'agent destroyed':
        this.#replacePool(random.pick(Object.keys(this.pools) as (keyof Pools)[]));
        return;
      case 'resolver down':
        this.#resolverIsDown = true;
        setTimeout(
          () => {
            this.#resolverIsDown = false;
          },
          random.between(50, 500),
        );
        return;
      case 'clock jumped':
        this.#clock = random.between(-1_000_000_000, 1_000_000_000);
        return;
      case 'session closed':
        this.#sessions.get('rude')?.close(); // streams on the way may be refused
    }
  }

  /** Closes all connections. */
  end(): void {
    this.#resolverIsDown = false;
    for (const pool of [...Object.values(this.pools), ...Object.values(this.lasting)]) void pool.destroy();
    for (const session of this.#openSessions) session.destroy();
  }

  #watch(session: http2.ClientHttp2Session): void {
    this.#openSessions.add(session);
    session.on('error', () => {}).on('close', () => this.#openSessions.delete(session));
  }

  #replacePool(name: keyof Pools): void {
    void this.pools[name].destroy();
    this.pools = { ...this.pools, [name]: poolsOf(this.ca, this.lookup)[name] };
  }

  #count(fault: string): void {
    this.faults[fault] = (this.faults[fault] ?? 0) + 1;
  }

  /** Replaces the program's clock. */
  #fakeClock(): void {
    const real = Date.now;
    Date.now = () => real() + this.#clock;
  }
}

function poolsOf(ca: string[], lookup: LookupFunction) {
  const connect = { ca, lookup };
  return {
    http: new http.Agent({ keepAlive: true, lookup }),
    https: new https.Agent({ keepAlive: true, ca, lookup }),
    closing: new http.Agent({ keepAlive: false, lookup }),
    undici6: new UNDICIS.undici6.Agent({ connect }),
    undici7: new UNDICIS.undici7.Agent({ connect }),
    undici8: new UNDICIS.undici8.Agent({ connect }),
    queueing: new http.Agent({ keepAlive: true, maxSockets: 2, lookup }), // requests wait in its queue
  };
}
