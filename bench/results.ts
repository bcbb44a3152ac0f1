import type { AllocationResult } from './allocation.ts';
import type { ConnectionAllocationResult } from './connection-allocation.ts';
import type { GrowthResult } from './growth.ts';
import { METRICS_SERVERS } from './metrics-servers.ts';
import type { OpenConnectionsResult } from './open-connections.ts';
import type { ReplayedConnection, ReusedClient } from './replayed-clients.ts';
import type { ScrapeResult } from './scrape.ts';
import type { SeriesStep } from './series.ts';
import type { Started, StartUpResult } from './start-up.ts';
import type { Rounds } from './statistics.ts';
import type { TrafficResult } from './traffic.ts';
import type { VariantName } from './variants.ts';

/** The variants that every part measures. */
export const PLAIN_VARIANTS = ['nobody', 'noop', 'connmeter'] as const;
export type PlainVariant = (typeof PLAIN_VARIANTS)[number];

/** The servers of `/metrics` that are scraped. */
export const SCRAPED = ['ready', ...METRICS_SERVERS] as const;

/** How many origins are scraped: some 700, 7,000 and 70,000 series. */
export const FEW_ORIGINS = 7;
export const USUAL_ORIGINS = 72;
export const MANY_ORIGINS = 720;

/** The rounds of each figure. */
export type InRounds<Result> = { readonly [Figure in keyof Result]: Rounds };

/** The results of a run; with `--only`, a part of them. */
export interface Results {
  readonly machine: { readonly node: string; readonly platform: string; readonly cores: number };
  readonly full: boolean;
  /** By workload. */
  readonly traffic: Readonly<Record<string, Partial<Record<VariantName, InRounds<TrafficResult>>>>>;
  readonly handlers?: Readonly<Record<PlainVariant, Readonly<Record<string, Rounds>>>>;
  readonly allocation?: {
    readonly requests: number;
    readonly clients: Readonly<Record<ReusedClient, Record<PlainVariant, AllocationResult>>>;
  };
  readonly connectionAllocation?: Readonly<
    Record<ReplayedConnection, Record<PlainVariant, ConnectionAllocationResult>>
  >;
  readonly growth?: { readonly stretch: number; readonly variants: Readonly<Record<PlainVariant, GrowthResult>> };
  readonly openConnections?: {
    readonly connections: number;
    readonly clients: Readonly<Record<'http' | 'undici', Record<PlainVariant, InRounds<OpenConnectionsResult>>>>;
  };
  /** By number of origins and server: `72/otel`. */
  readonly scrape?: Readonly<Record<string, InRounds<ScrapeResult>>>;
  readonly series?: readonly SeriesStep[];
  readonly startUp?: Readonly<Record<Started, InRounds<StartUpResult>>>;
}
