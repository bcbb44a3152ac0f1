import { availableParallelism } from 'node:os';
import { ALLOCATION_NODE } from './allocation.ts';
import { CONNECTION_ALLOCATION_NODE } from './connection-allocation.ts';
import type { MetricsServer } from './metrics-servers.ts';
import { inChildProcess, type ServerProcess, turnsOfChildProcess } from './processes.ts';
import { CONNECTIONS, REUSED_CONNECTIONS, type ReplayedConnection, type ReusedClient } from './replayed-clients.ts';
import {
  FEW_ORIGINS,
  type InRounds,
  MANY_ORIGINS,
  PLAIN_VARIANTS,
  type PlainVariant,
  type Results,
  SCRAPED,
  USUAL_ORIGINS,
} from './results.ts';
import type { ScrapeResult } from './scrape.ts';
import { STARTED } from './start-up.ts';
import type { TrafficResult } from './traffic.ts';
import { inRounds, inTurns } from './turns.ts';
import type { VariantName } from './variants.ts';
import { WORKLOADS, warmUpOf } from './workloads.ts';

/** The scope of a run. */
export interface Extent {
  readonly full: boolean;
  /** Rounds of traffic; default: those of the workload. */
  readonly rounds?: number;
  /** Only this part or group; empty for everything. */
  readonly only: string;
  readonly variants?: readonly VariantName[];
}

const CLIENTS_TO_OPEN = ['http', 'undici'] as const;

/** Runs all selected parts, one process after another. */
export async function measure(server: ServerProcess, extent: Extent, say: (line: string) => void): Promise<Results> {
  const { full, only } = extent;
  const wanted = (name: string) => only === '' || name === only || name.startsWith(`${only}/`);
  const traffic: Record<string, Results['traffic'][string]> = {};
  for (const [name, { fullOnly }] of Object.entries(WORKLOADS)) {
    if (!wanted(name) || (fullOnly && !full && only === '')) continue;
    say(name);
    traffic[name] = await trafficRounds(server, name, extent);
  }
  const part = async <T>(name: string, run: () => Promise<T>): Promise<T | undefined> => {
    if (!wanted(name)) return undefined;
    say(name);
    return run();
  };
  const parts = {
    handlers: await part('handlers', () => handlerRounds(full ? 5 : 1)),
    allocation: await part('allocation', allocations),
    connectionAllocation: await part('connection-allocation', connectionAllocations),
    growth: await part('growth', () => growths(server, full ? 100_000 : 10_000, full ? 10 : 3)),
    openConnections: await part('open-connections', () => openings(server, full ? 10_000 : 2_000, full ? 5 : 1)),
    scrape: await part('scrape', () => scrapes(full ? 5 : 1, full)),
    series: await part('series', () => inChildProcess('series', { detail: 'full' })),
    startUp: await part('start-up', () =>
      inRounds(full ? 15 : 5, STARTED, started => inChildProcess('startUp', { started })),
    ),
  };
  const found = Object.entries(parts).filter(([, part]) => part !== undefined);
  if (found.length + Object.keys(traffic).length === 0) throw new Error(`nothing is called ${only}`);

  return {
    machine: {
      node: process.versions.node,
      platform: `${process.platform} ${process.arch}`,
      cores: availableParallelism(),
    },
    full,
    traffic,
    ...Object.fromEntries(found),
  };
}

async function trafficRounds(server: ServerProcess, name: string, { rounds, variants, full }: Extent) {
  const workload = WORKLOADS[name];
  if (workload === undefined) throw new Error(`no workload ${name}`);
  const { client, atOnce, young, times, otel } = workload;
  const warmUp = warmUpOf(workload, full);
  const perRequest: VariantName[] = name === 'steady/undici' ? ['add', 'prom'] : [];
  const usual = full ? workload.rounds : 2;
  const all =
    variants ??
    ([
      'nobody',
      'again',
      'noop',
      'connmeter',
      ...(full ? (['provider'] as const) : []),
      ...(otel ? [otel] : []),
      ...perRequest,
    ] as const);
  return inTurns<(typeof all)[number], TrafficResult>(rounds ?? usual, all, async variant => {
    const address = await server.listen(workload.server);
    return turnsOfChildProcess('traffic', { client, atOnce, young, warmUp, times, variant, address });
  });
}

async function handlerRounds(rounds: number) {
  return inTurns<PlainVariant, Record<string, number>>(rounds, PLAIN_VARIANTS, variant =>
    turnsOfChildProcess('handlers', { variant, samples: 400 }),
  );
}

async function allocations() {
  const requests = 1_000_000;
  const of = (client: ReusedClient, variant: PlainVariant) =>
    inChildProcess('allocation', { client, variant, requests }, ALLOCATION_NODE);
  return {
    requests,
    clients: await forEach(Object.keys(REUSED_CONNECTIONS) as ReusedClient[], c =>
      forEach(PLAIN_VARIANTS, v => of(c, v)),
    ),
  };
}

async function connectionAllocations() {
  return forEach(Object.keys(CONNECTIONS) as ReplayedConnection[], client =>
    forEach(PLAIN_VARIANTS, variant =>
      inChildProcess('connectionAllocation', { client, variant }, CONNECTION_ALLOCATION_NODE),
    ),
  );
}

async function growths(server: ServerProcess, stretch: number, stretches: number) {
  const variants = await forEach(PLAIN_VARIANTS, async variant => {
    const address = await server.listen('http');
    return inChildProcess('growth', { client: 'undici', variant, address, stretch, stretches });
  });
  return { stretch, variants };
}

async function openings(server: ServerProcess, connections: number, rounds: number) {
  const clients = await forEach(CLIENTS_TO_OPEN, client =>
    inRounds(rounds, PLAIN_VARIANTS, async variant => {
      const address = await server.listen('http');
      return inChildProcess('openConnections', { client, variant, address, connections });
    }),
  );
  return { connections, clients };
}

async function scrapes(rounds: number, all: boolean) {
  const found: Record<string, InRounds<ScrapeResult>> = {};
  for (const origins of [FEW_ORIGINS, USUAL_ORIGINS, ...(all ? [MANY_ORIGINS] : [])]) {
    const times = origins === MANY_ORIGINS ? 5 : 12;
    const ofServers = await inTurns<MetricsServer, ScrapeResult>(rounds, SCRAPED, variant =>
      turnsOfChildProcess('scrape', { variant, origins, scrapes: times }),
    );
    for (const variant of SCRAPED) found[`${origins}/${variant}`] = ofServers[variant];
  }
  return found;
}

async function forEach<Name extends string, Result>(
  names: readonly Name[],
  run: (name: Name) => Promise<Result>,
): Promise<Record<Name, Result>> {
  const found: Partial<Record<Name, Result>> = {};
  for (const name of names) found[name] = await run(name);
  return found as Record<Name, Result>;
}
