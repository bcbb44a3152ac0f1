// The checks of a soak: pure functions of its counts.
import {
  HTTP,
  type KernelCounts,
  MOST_AT_ONCE,
  SERVERS,
  type ServerName,
  type SoakResult,
  STEADY,
  UNSTEADY,
} from './plan.ts';
import { notZero, total } from './seen-values.ts';

/** One check. */
export interface Check {
  readonly what: string;
  readonly ours: string;
  readonly truth: string;
  readonly holds: boolean;
}

/** Maximum heap growth from the middle third of a run to the last: above noise, far below a leak of the connections. */
export const MOST_HEAP_GROWTH = 3e6;
/** With fewer heap samples, on a very busy machine, growth is not checked. */
const FEWEST_HEAP_LOOKS = 6;

const OPENED = 'connmeter.connection.opened';
const CLOSED = 'connmeter.connection.closed';
const FAILED = 'connmeter.connection.failed';
const OPEN = 'http.client.open_connections';
const REQUESTS = 'connmeter.requests';

export function runChecks(soaked: SoakResult): Check[] {
  return [
    ...againstKernel(soaked),
    ...STEADY.flatMap(name => againstSteadyServer(soaked, name)),
    ...UNSTEADY.filter(name => name !== 'hasty').flatMap(name => againstUnsteadyServer(soaked, name)),
    ...lookups(soaked),
    ...withinThemselves(soaked),
    ...harmless(soaked),
  ];
}

const DIALLED = ['connect', 'tls'];

/** Connections that certainly reached a server: those that opened or failed in the TLS handshake. */
export function reached({ client: { metrics }, ports }: SoakResult, name: ServerName): number {
  const at = { 'server.port': ports[name] };
  return total(metrics, OPENED, at) + total(metrics, FAILED, { ...at, 'connmeter.phase': 'tls' });
}

/** Connections given up while connecting; only the kernel knows if their TCP handshake had completed. */
export function givenUp({ client: { metrics }, ports }: SoakResult, name: ServerName): number {
  const at = { 'server.port': ports[name] };
  const failed = total(metrics, FAILED, { ...at, 'connmeter.phase': 'connect' });
  return failed - total(metrics, FAILED, { ...at, 'error.type': 'ECONNREFUSED' });
}

export function sent({ client, ports }: SoakResult, name: ServerName): number {
  return total(client.metrics, REQUESTS, { 'server.port': ports[name] });
}

/** Growth of the kernel's counters. */
export function growth({ client: { kernel } }: SoakResult): Omit<KernelCounts, 'held'> {
  const { before, after } = kernel;
  return {
    activeOpens: after.activeOpens - before.activeOpens,
    passiveOpens: after.passiveOpens - before.passiveOpens,
  };
}

function equal(what: string, ours: number, truth: number): Check {
  return { what, ours: String(ours), truth: String(truth), holds: ours === truth };
}

/** Checks that a count is at least `least`, and exceeds it by at most the sum of `more`. */
function between(what: string, count: number, least: number, more: Readonly<Record<string, number>>): Check {
  const most = least + sumOf(Object.values(more));
  const inWords = Object.entries(more).map(
    ([name, number]) => ` + ${number === Infinity ? 'any number' : number} ${name}, at most`,
  );
  return { what, ours: String(count), truth: `${least}${inWords.join('')}`, holds: count >= least && count <= most };
}

function none(what: string, found: readonly string[]): Check {
  return { what, ours: found.length === 0 ? 'none' : found.join('; '), truth: 'none', holds: found.length === 0 };
}

function againstKernel(soaked: SoakResult): Check[] {
  const { metrics, kernel } = soaked.client;
  const { activeOpens, passiveOpens } = growth(soaked);
  const dialled =
    total(metrics, OPENED) + sumOf(DIALLED.map(phase => total(metrics, FAILED, { 'connmeter.phase': phase })));
  return [
    equal("opened + failed after a name was found = the kernel's ActiveOpens", dialled, activeOpens),
    equal('attempts = ActiveOpens', total(metrics, 'connmeter.connect.attempts'), activeOpens),
    between(
      'the same without those refused = PassiveOpens',
      passiveOpens,
      sumOf(SERVERS.map(name => reached(soaked, name))),
      {
        'given up while dialling': sumOf(SERVERS.map(name => givenUp(soaked, name))),
      },
    ),
    equal('sockets held in the end, by the kernel', kernel.after.held, kernel.before.held),
  ];
}

function againstSteadyServer(soaked: SoakResult, name: ServerName): Check[] {
  const { accepts, requests } = soaked.servers[name];
  const checks = [
    between(`${name}: opened + failed in TLS = accepts`, accepts, reached(soaked, name), {
      'given up while dialling': givenUp(soaked, name),
    }),
  ];
  return HTTP.includes(name) ? [...checks, equal(`${name}: requests`, sent(soaked, name), requests)] : checks;
}

/**
 * Only the kernel knows what a killed server had not accepted yet, and requests may be lost on the way. Therefore its
 * counts are checked against a range.
 */
function againstUnsteadyServer(soaked: SoakResult, name: ServerName): Check[] {
  const { accepts, requests } = soaked.servers[name];
  const lost = name === 'falling' ? neverAccepted(soaked) : 0;
  return [
    between(`${name}: opened + failed in TLS = accepts`, accepts, reached(soaked, name) - lost, {
      'given up while dialling': givenUp(soaked, name),
      'killed with the server': lost,
    }),
    between(`${name}: requests = heard`, sent(soaked, name), requests, { 'lost on the way': failedJobs(soaked, name) }),
  ];
}

/** Connections that the kernel accepted for a server that was killed before it accepted them. */
function neverAccepted(soaked: SoakResult): number {
  const accepts = Object.values(soaked.servers).map(counts => counts.accepts);
  return growth(soaked).passiveOpens - sumOf(accepts);
}

export function failedJobs({ client }: SoakResult, name: ServerName): number {
  return client.endings
    .filter(({ server }) => server === name)
    .reduce((sum, { failed }) => sum + sumOf(Object.values(failed)), 0);
}

export function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function lookups({ client: { metrics, lookups } }: SoakResult): Check[] {
  const all = total(metrics, 'dns.lookup.duration');
  const undone = total(metrics, FAILED, { 'connmeter.phase': 'dns', 'error.type': '_OTHER' });
  const withError = (metrics['dns.lookup.duration'] ?? []).filter(({ attributes }) => attributes['error.type']);
  const failed = sumOf(withError.map(({ value }) => value));
  return [
    equal('lookups that succeeded', all - failed, lookups.succeeded),
    between('lookups that failed', lookups.failed, failed, { 'destroyed while they waited': undone }),
  ];
}

function withinThemselves({ client }: SoakResult): Check[] {
  const { metrics, impossible, seconds, neverClosed, most, heaps } = client;
  const atOnce = MOST_AT_ONCE * heaps.length; // of each process and thread
  const http = { 'network.protocol.name': 'http' };
  const closed = total(metrics, CLOSED, http);
  const served = sumOf((metrics['connmeter.connection.requests'] ?? []).map(({ sum }) => sum));
  const left = sumOf(Object.values(neverClosed));
  const durations = Object.entries(metrics).filter(([name]) => name.endsWith('.duration'));
  const odd = durations.flatMap(([name, points]) =>
    points
      .filter(({ min = 0, max = 0 }) => min < 0 || max > seconds + 60)
      .map(({ min, max }) => `${name} from ${min} to ${max} s`),
  );
  const open = (port: number) => total(metrics, OPEN, { 'server.port': port });
  const wrongGauges = notZero(metrics).filter(
    text => !portsIn(neverClosed).some(port => text.includes(`"server.port":${port},`)),
  );
  return [
    equal('opened - closed = sockets that Node never closed', total(metrics, OPENED) - total(metrics, CLOSED), left),
    ...portsIn(neverClosed).map(port =>
      equal(`open to port ${port} in the end, as in Node`, open(port), neverClosed[port] ?? 0),
    ),
    equal('lifetimes = closed', total(metrics, 'http.client.connection.duration'), closed),
    equal('connections with their requests told = closed', total(metrics, 'connmeter.connection.requests'), closed),
    between(
      'requests = requests served by connections',
      total(metrics, REQUESTS),
      served,
      left > 0 ? { 'on those never closed': Infinity } : {},
    ),
    none('gauges that are not zero in the end', wrongGauges),
    between('requests under way at once, of one origin', most['http.client.active_requests'] ?? 0, 0, {
      'as many as there are jobs': atOnce,
      'not read, or on connections that Node never closed': atOnce / 2,
    }),
    none('gauges below zero, counters that fell', impossible),
    none('durations that no clock can show', odd),
  ];
}

function portsIn(counts: Readonly<Record<number, number>>): number[] {
  return Object.keys(counts).map(Number);
}

function harmless({ client }: SoakResult): Check[] {
  const late = client.endings.filter(({ failed }) => failed['SOAK_TOO_LATE'] !== undefined).map(({ kind }) => kind);
  return [
    none('faults of connmeter', client.warnings),
    none('jobs that never ended', late),
    ...client.heaps.map((heap, at) => heapCheck(heap, client.heaps.length === 1 ? '' : ` of ${at + 1}`)),
  ];
}

function heapCheck(heap: readonly number[], which: string): Check {
  const { middle, last } = heapThirds(heap);
  return {
    what: `heap${which} in the last third, against the one before`,
    ours: megabytes(last),
    truth: `${megabytes(middle)} + ${megabytes(MOST_HEAP_GROWTH)} at most`,
    holds: last - middle <= MOST_HEAP_GROWTH || heap.length < FEWEST_HEAP_LOOKS,
  };
}

/** Median heap in each third of the run; the first third is warm-up. */
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
