import type { ClientName } from './clients.ts';
import type { ListenRequest } from './server.ts';
import type { VariantName } from './variants.ts';

/** Real traffic with a server in another process. The client's CPU time is measured. */
export interface Workload {
  readonly title: string;
  readonly client: ClientName;
  readonly server: ListenRequest['kind'];
  readonly unit: 'request' | 'connection' | 'stream';
  /** OpenTelemetry's instrumentation of the client, if there is one. */
  readonly otel?: VariantName;
  /** Number of parallel operations. */
  readonly atOnce: number;
  /** How many operations of a fresh process are measured. */
  readonly young: number;
  /** How many come before the measured ones, the young ones included. */
  readonly warmUp: number;
  /** Warm-up of the short run, if it is shorter. */
  readonly shortWarmUp?: number;
  readonly times: number;
  /** Rounds of the full run. */
  readonly rounds: number;
  /** True if the short run omits it. */
  readonly fullOnly?: true;
}

// V8 fully optimises requests after about 18,000 of them, and connections after 30,000; with TLS that would take too long.
const STEADY = { unit: 'request', atOnce: 10, young: 3_000, warmUp: 20_000, times: 20_000, rounds: 5 } as const;
const STREAMS = { ...STEADY, unit: 'stream' } as const;
const PLAIN = {
  unit: 'connection',
  atOnce: 10,
  young: 3_000,
  warmUp: 30_000,
  shortWarmUp: 4_000,
  times: 10_000,
  rounds: 5,
} as const;
const SECURE = { unit: 'connection', atOnce: 10, young: 500, warmUp: 3_000, times: 1_000, rounds: 5 } as const;

export const WORKLOADS: Readonly<Record<string, Workload>> = {
  'steady/undici': { title: 'undici `request`', client: 'undici', server: 'http', otel: 'undici', ...STEADY },
  'steady/fetch': { title: '`fetch`', client: 'fetch', server: 'http', otel: 'undici', ...STEADY },
  'steady/http': { title: '`node:http`', client: 'http', server: 'http', otel: 'http', ...STEADY },
  'new-connection/net': { title: '`net.connect`, no HTTP', client: 'new-net', server: 'tcp', fullOnly: true, ...PLAIN },
  'new-connection/http': { title: '`node:http`', client: 'new-http', server: 'http', otel: 'http', ...PLAIN },
  'new-connection/undici': {
    title: 'undici',
    client: 'new-undici',
    server: 'http',
    otel: 'undici',
    fullOnly: true,
    ...PLAIN,
  },
  'new-connection/https': { title: '`node:https`', client: 'new-https', server: 'https', otel: 'http', ...SECURE },
  'new-connection/undici-tls': {
    title: 'undici, TLS',
    client: 'new-undici-tls',
    server: 'https',
    otel: 'undici',
    fullOnly: true,
    ...SECURE,
  },
  'streams/http2': { title: '`node:http2`', client: 'http2', server: 'http2c', ...STREAMS },
  'streams/undici': {
    title: 'undici, `allowH2`',
    client: 'undici-h2',
    server: 'http2',
    otel: 'undici',
    fullOnly: true,
    ...STREAMS,
  },
};

export function warmUpOf({ warmUp, shortWarmUp = warmUp }: Workload, full: boolean): number {
  return full ? warmUp : shortWarmUp;
}

export type WorkloadName = keyof typeof WORKLOADS;
