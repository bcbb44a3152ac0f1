import { availableParallelism } from 'node:os';
import { ALLOCATION_NODE } from './allocation.ts';
import { CONNECTION_ALLOCATION_NODE } from './connection-allocation.ts';
import { inChildProcess, type ServerProcess } from './processes.ts';
import { CONNECTIONS, REUSED_CONNECTIONS, type ReplayedConnection, type ReusedClient } from './replayed-clients.ts';
import {
  FEW_ORIGINS,
  MANY_ORIGINS,
  PLAIN_VARIANTS,
  type PlainVariant,
  type Results,
  type Rounds,
  SCRAPED,
  USUAL_ORIGINS,
} from './results.ts';
import { STARTED } from './start-up.ts';
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

/** Each round runs every variant once, starting with a different one, so that drift affects all of them. */
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
  return inRounds(rounds ?? usual, all, async variant => {
    const address = await server.listen(workload.server);
    return inChildProcess('traffic', { client, atOnce, young, warmUp, times, variant, address });
  });
}

async function handlerRounds(rounds: number) {
  return inRounds(rounds, PLAIN_VARIANTS, variant => inChildProcess('handlers', { variant, samples: 400 }));
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
  const sizes = [FEW_ORIGINS, USUAL_ORIGINS, ...(all ? [MANY_ORIGINS] : [])];
  const names = sizes.flatMap(origins => SCRAPED.map(variant => `${origins}/${variant}` as const));
  return inRounds(rounds, names, name => {
    const [origins, variant] = name.split('/') as [string, (typeof SCRAPED)[number]];
    return inChildProcess('scrape', {
      variant,
      origins: Number(origins),
      scrapes: Number(origins) === MANY_ORIGINS ? 5 : 12,
    });
  });
}

async function inRounds<Name extends string, Result extends object>(
  rounds: number,
  names: readonly Name[],
  run: (name: Name) => Promise<Result>,
): Promise<Record<Name, Rounds<Result>>> {
  const found = new Map(names.map(name => [name, {} as Record<string, number[]>]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round) % names.length] as Name;
      const figures = found.get(name) ?? {};
      for (const [figure, value] of Object.entries(await run(name))) {
        figures[figure] ??= [];
        figures[figure].push(rounded(value));
      }
    }
  }
  return Object.fromEntries(found) as unknown as Record<Name, Rounds<Result>>;
}

async function forEach<Name extends string, Result>(
  names: readonly Name[],
  run: (name: Name) => Promise<Result>,
): Promise<Record<Name, Result>> {
  const found: Partial<Record<Name, Result>> = {};
  for (const name of names) found[name] = await run(name);
  return found as Record<Name, Result>;
}

/** Rounds to four significant digits, more than can be measured. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
