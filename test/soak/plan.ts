import type { Point } from '../support/instrument.ts';

/** What a soak is made of. Everything that is left to chance follows from the seed. */
export interface Plan {
  readonly seconds: number;
  /** Jobs begun per second, as far as the machine allows. */
  readonly rate: number;
  readonly seed: number;
}

/**
 * Where the traffic goes. The steady ones see whatever is sent to them, so their counts are exact. `falling` is killed and
 * started again, `stale` ends idle connections while they are being used, `rude` cuts HTTP/2 sessions: a request may be
 * on its way to them and never arrive. `hasty` is for clients that are gone before they are accepted.
 */
export const STEADY = ['http', 'https', 'h2c', 'h2', 'echo', 'echoTls'] as const;
export const UNSTEADY = ['falling', 'stale', 'rude', 'hasty'] as const;
export const SERVERS = [...STEADY, ...UNSTEADY] as const;
export type ServerName = (typeof SERVERS)[number];

/** Those that speak HTTP. */
export const HTTP: readonly ServerName[] = ['http', 'https', 'h2c', 'h2', 'falling', 'stale', 'rude'];

/** Jobs under way at once, at most. */
export const MOST_AT_ONCE = 400;

export interface ServerCounts {
  readonly accepts: number;
  readonly requests: number;
}

/** What the kernel counted in the network namespace, from the first connection to the last. */
export interface KernelCounts {
  readonly activeOpens: number;
  readonly passiveOpens: number;
  /** Sockets held now, of both sides, in whatever state, without those that listen or only wait for late packets. */
  readonly held: number;
}

/** How often a kind of job was done, and how it ended. */
export interface Endings {
  readonly kind: string;
  readonly server: ServerName | undefined;
  done: number;
  /** By error code. */
  readonly failed: Record<string, number>;
}

/** What the client tells at its end. */
export interface ClientReport {
  readonly metrics: Readonly<Record<string, readonly SoakPoint[]>>;
  readonly endings: readonly Endings[];
  readonly faults: Readonly<Record<string, number>>;
  /** What connmeter said that it must not say: faults of its own. */
  readonly warnings: readonly string[];
  /** Gauges below zero, and counters that fell, as the scrapes saw them. */
  readonly impossible: readonly string[];
  readonly scrapes: number;
  readonly series: number;
  /** The most that each gauge showed. */
  readonly most: Readonly<Record<string, number>>;
  /** Lookups as the lookup functions themselves counted them. */
  readonly lookups: { readonly succeeded: number; readonly failed: number };
  /** Heap in use after garbage collection, through the run, in bytes. */
  readonly heap: readonly number[];
  readonly seconds: number;
  /** Sockets that connected and that Node never closed, by the port they went to. */
  readonly neverClosed: Readonly<Record<number, number>>;
  readonly kernel: { readonly before: KernelCounts; readonly after: KernelCounts };
}

/** A point of a metric; of a histogram, also the smallest and the largest that it took. */
export interface SoakPoint extends Point {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

export interface SoakResult {
  readonly plan: Plan;
  readonly node: string;
  readonly ports: Readonly<Record<ServerName, number>>;
  readonly client: ClientReport;
  readonly servers: Readonly<Record<ServerName, ServerCounts>>;
  /** What was done to the servers. */
  readonly faults: Readonly<Record<string, number>>;
}

/** What the client is started with. */
export interface ClientTask {
  readonly plan: Plan;
  readonly ports: Readonly<Record<ServerName, number>>;
  /** A port where nobody listens. */
  readonly refused: number;
  readonly ca: readonly string[];
}

/** What a server is started with. */
export interface ServerTask {
  readonly name: ServerName;
  /** 0 for any. */
  readonly port: number;
  /** Where it writes its counts down at once, so that they outlive it. */
  readonly counts: string;
  readonly certificates: readonly { readonly key: string; readonly cert: string }[];
}
