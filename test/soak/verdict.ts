// What a soak has to come to: pure functions of what was counted.
import { HTTP, type KernelCounts, type ServerName, type Soaked, STEADY, UNSTEADY } from './plan.ts';
import { notZero, total } from './scrapes.ts';

/** One thing that has to hold. */
export interface Check {
  readonly what: string;
  readonly ours: string;
  readonly truth: string;
  readonly holds: boolean;
}

/** What the heap may be larger in the last third of a run than in the one before: noise, not one connection in ten. */
export const MOST_HEAP_GROWTH = 3e6;

const OPENED = 'connmeter.connection.opened';
const CLOSED = 'connmeter.connection.closed';
const FAILED = 'connmeter.connection.failed';
const REQUESTS = 'connmeter.requests';

export function verdict(soaked: Soaked): Check[] {
  return [
    ...againstKernel(soaked),
    ...STEADY.flatMap(name => againstSteadyServer(soaked, name)),
    ...UNSTEADY.filter(name => name !== 'hasty').flatMap(name => againstUnsteadyServer(soaked, name)),
    ...lookups(soaked),
    ...withinThemselves(soaked),
    ...harmless(soaked),
  ];
}

/** Connections that reached a server, as the kernel sees it: also those that the client gave up while it dialled. */
export function reached({ client: { metrics }, ports }: Soaked, name: ServerName): number {
  const at = { 'server.port': ports[name] };
  const failed = ['connect', 'tls'].map(phase => total(metrics, FAILED, { ...at, 'connmeter.phase': phase }));
  const refused = total(metrics, FAILED, { ...at, 'error.type': 'ECONNREFUSED' });
  return total(metrics, OPENED, at) + sumOf(failed) - refused;
}

export function sent({ client, ports }: Soaked, name: ServerName): number {
  return total(client.metrics, REQUESTS, { 'server.port': ports[name] });
}

/** By how much the kernel's counters grew. */
export function growth({ client: { kernel } }: Soaked): Omit<KernelCounts, 'held'> {
  const { before, after } = kernel;
  return {
    activeOpens: after.activeOpens - before.activeOpens,
    passiveOpens: after.passiveOpens - before.passiveOpens,
  };
}

function equal(what: string, ours: number, truth: number): Check {
  return { what, ours: String(ours), truth: String(truth), holds: ours === truth };
}

function none(what: string, found: readonly string[]): Check {
  return { what, ours: found.length === 0 ? 'none' : found.join('; '), truth: 'none', holds: found.length === 0 };
}

function againstKernel(soaked: Soaked): Check[] {
  const { metrics, kernel } = soaked.client;
  const { activeOpens, passiveOpens } = growth(soaked);
  const opened = total(metrics, OPENED);
  const dialled = opened + total(metrics, FAILED) - total(metrics, FAILED, { 'connmeter.phase': 'dns' });
  const refused = total(metrics, FAILED, { 'error.type': 'ECONNREFUSED' });
  return [
    equal("opened + failed after a name was found = the kernel's ActiveOpens", dialled, activeOpens),
    equal('attempts = ActiveOpens', total(metrics, 'connmeter.connect.attempts'), activeOpens),
    equal('the same without those refused = PassiveOpens', dialled - refused, passiveOpens),
    equal('sockets held in the end, by the kernel', kernel.after.held, kernel.before.held),
  ];
}

function againstSteadyServer(soaked: Soaked, name: ServerName): Check[] {
  const { accepts, requests } = soaked.servers[name];
  const checks = [equal(`${name}: opened + given up on the way = accepts`, reached(soaked, name), accepts)];
  return HTTP.includes(name) ? [...checks, equal(`${name}: requests`, sent(soaked, name), requests)] : checks;
}

/**
 * What a server that is killed had not accepted yet, the kernel alone knows; what was on its way to it, nobody. So its
 * counts are held between those of the two sides, and its share of the connections by the kernel's sum.
 */
function againstUnsteadyServer(soaked: Soaked, name: ServerName): Check[] {
  const { accepts, requests } = soaked.servers[name];
  const lost = reached(soaked, name) - accepts;
  const most = name === 'falling' ? neverAccepted(soaked) : 0;
  const unheard = sent(soaked, name) - requests;
  const failed = failedJobs(soaked, name);
  return [
    {
      what: `${name}: opened + given up on the way = accepts + killed with the server`,
      ours: String(reached(soaked, name)),
      truth: `${accepts} + ${most} at most`,
      holds: lost >= 0 && lost <= most,
    },
    {
      what: `${name}: requests = heard + lost on the way`,
      ours: String(sent(soaked, name)),
      truth: `${requests} + ${failed} at most`,
      holds: unheard >= 0 && unheard <= failed,
    },
  ];
}

/** Connections that the kernel took for a server, which was killed before it accepted them. */
function neverAccepted(soaked: Soaked): number {
  const accepts = Object.values(soaked.servers).map(counts => counts.accepts);
  return growth(soaked).passiveOpens - sumOf(accepts);
}

export function failedJobs({ client }: Soaked, name: ServerName): number {
  return client.endings
    .filter(({ server }) => server === name)
    .reduce((sum, { failed }) => sum + sumOf(Object.values(failed)), 0);
}

export function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function lookups({ client: { metrics, lookups } }: Soaked): Check[] {
  const all = total(metrics, 'dns.lookup.duration');
  const withError = (metrics['dns.lookup.duration'] ?? []).filter(({ attributes }) => attributes['error.type']);
  const failed = sumOf(withError.map(({ value }) => value));
  return [
    equal('lookups that succeeded', all - failed, lookups.succeeded),
    equal('lookups that failed', failed, lookups.failed),
  ];
}

function withinThemselves({ client: { metrics, impossible, seconds } }: Soaked): Check[] {
  const http = { 'network.protocol.name': 'http' };
  const closed = total(metrics, CLOSED, http);
  const served = metrics['connmeter.connection.requests'] ?? [];
  const durations = Object.entries(metrics).filter(([name]) => name.endsWith('.duration'));
  const odd = durations.flatMap(([name, points]) =>
    points
      .filter(({ min = 0, max = 0 }) => min < 0 || max > seconds + 60)
      .map(({ min, max }) => `${name} from ${min} to ${max} s`),
  );
  return [
    equal('closed = opened', total(metrics, CLOSED), total(metrics, OPENED)),
    equal('lifetimes = closed', total(metrics, 'http.client.connection.duration'), closed),
    equal('connections with their requests told = closed', total(metrics, 'connmeter.connection.requests'), closed),
    equal('requests served by connections = requests', sumOf(served.map(({ sum }) => sum)), total(metrics, REQUESTS)),
    none('gauges that are not zero in the end', notZero(metrics)),
    none('gauges below zero, counters that fell', impossible),
    none('durations that no clock can show', odd),
  ];
}

function harmless({ client }: Soaked): Check[] {
  const late = client.endings.filter(({ failed }) => failed['SOAK_TOO_LATE'] !== undefined).map(({ kind }) => kind);
  const { middle, last } = heapThirds(client.heap);
  return [
    none('faults of connmeter', client.complaints),
    none('jobs that never ended', late),
    {
      what: 'heap of the last third, against the one before',
      ours: megabytes(last),
      truth: `${megabytes(middle)} + ${megabytes(MOST_HEAP_GROWTH)} at most`,
      holds: last - middle <= MOST_HEAP_GROWTH,
    },
  ];
}

/** The middle of what was seen in each third of the run; the first one warms up. */
export function heapThirds(heap: readonly number[]): { first: number; middle: number; last: number } {
  const third = Math.floor(heap.length / 3);
  const median = (part: readonly number[]) => part.toSorted((a, b) => a - b)[Math.floor(part.length / 2)] ?? 0;
  return {
    first: median(heap.slice(0, third)),
    middle: median(heap.slice(third, 2 * third)),
    last: median(heap.slice(2 * third)),
  };
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}
