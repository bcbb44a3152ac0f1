import type { Point } from '../support/instrument.ts';

/** The parameters of a soak. All random choices depend on the seed. */
export interface Plan {
  readonly seconds: number;
  /** Jobs started per second, if the machine can. */
  readonly rate: number;
  readonly seed: number;
  /** The measured program is a service of several processes with threads, which is scraped and watched. Default: one process. */
  readonly everything?: boolean;
}

/**
 * The servers. The steady ones receive all that is sent to them, so their counts are exact. `falling` is killed and
 * restarted, `stale` closes idle connections while they are reused, `rude` closes HTTP/2 sessions: a request to these may
 * be lost on the way. `hasty` is for clients that close before they are accepted.
 */
export const STEADY = ['http', 'https', 'h2c', 'h2', 'echo', 'echoTls'] as const;
export const UNSTEADY = ['falling', 'stale', 'rude', 'hasty'] as const;
export const SERVERS = [...STEADY, ...UNSTEADY] as const;
export type ServerName = (typeof SERVERS)[number];

/** The HTTP servers. */
export const HTTP: readonly ServerName[] = ['http', 'https', 'h2c', 'h2', 'falling', 'stale', 'rude'];

/** Maximum number of running jobs. */
export const MOST_AT_ONCE = 400;

export interface ServerCounts {
  readonly accepts: number;
  readonly requests: number;
}

/** Counters of the kernel in the network namespace. */
export interface KernelCounts {
  readonly activeOpens: number;
  readonly passiveOpens: number;
  /** Current sockets of both sides, except those in LISTEN and TIME_WAIT. */
  readonly held: number;
}

/** Number of jobs of one kind, by outcome. */
export interface Endings {
  readonly kind: string;
  readonly server: ServerName | undefined;
  done: number;
  /** By error code. */
  readonly failed: Record<string, number>;
}

/** What a program knows of its own jobs. */
export interface WorkloadResult {
  readonly endings: readonly Endings[];
  readonly faults: Readonly<Record<string, number>>;
  /** Lookups counted by the lookup functions. */
  readonly lookups: { readonly succeeded: number; readonly failed: number };
  /** Heap in use after garbage collection, in bytes, over time: of each process and thread. */
  readonly heaps: readonly (readonly number[])[];
  readonly seconds: number;
  /** Sockets that connected and were never closed by Node, by remote port. */
  readonly neverClosed: Readonly<Record<number, number>>;
}

/** The report of the client. */
export interface ClientReport extends WorkloadResult {
  readonly metrics: Readonly<Record<string, readonly SoakPoint[]>>;
  /** Warnings about faults of connmeter. */
  readonly warnings: readonly string[];
  /** Negative gauges and decreasing counters in the scrapes. */
  readonly impossible: readonly string[];
  readonly scrapes: number;
  readonly series: number;
  /** Maximum of each gauge. */
  readonly most: Readonly<Record<string, number>>;
  readonly kernel: { readonly before: KernelCounts; readonly after: KernelCounts };
}

/** A data point of a metric, with the minimum and maximum of a histogram. */
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
  /** Faults injected into the servers. */
  readonly faults: Readonly<Record<string, number>>;
}

/** The task of the client. */
export interface ClientTask {
  readonly plan: Plan;
  readonly ports: Readonly<Record<ServerName, number>>;
  /** A port that refuses connections. */
  readonly refused: number;
  readonly ca: readonly string[];
}

/** The task of a server. */
export interface ServerTask {
  readonly name: ServerName;
  /** 0 for any. */
  readonly port: number;
  /** File for its counts, written immediately so that they are not lost when it is killed. */
  readonly counts: string;
  readonly certificates: readonly { readonly key: string; readonly cert: string }[];
}
