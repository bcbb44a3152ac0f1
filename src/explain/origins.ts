import type { Attributes } from '@opentelemetry/api';
import type { Reading } from '../metrics/table.ts';
import type { OriginOverview } from './overview.ts';

type Series = Reading['series'][number];
/** An origin that is being read. */
type Draft = {
  -readonly [Key in keyof OriginOverview]: OriginOverview[Key] extends readonly (infer Entry)[]
    ? Entry[]
    : OriginOverview[Key] extends object
      ? { -readonly [Name in keyof OriginOverview[Key]]: OriginOverview[Key][Name] }
      : OriginOverview[Key];
};

/** The metrics of one origin, and how long lookups of its name take. */
interface Collected {
  readonly origin: Draft;
  readonly connects: Mean;
  readonly handshakes: Mean;
}

/** The numbers of all origins, from the metrics: so they are those of all processes and threads. */
export function originsOf(readings: readonly Reading[]): OriginOverview[] {
  const all = new Map<string, Collected>();
  const lookups = new Map<string, Mean>();
  const of = (attributes: Attributes): Collected => {
    const key = keyOf(attributes);
    let collected = all.get(key);
    if (collected === undefined) {
      const { 'server.address': address, 'server.port': port, 'network.protocol.name': protocol } = attributes;
      const origin = emptyOrigin(String(address), port as number | undefined, protocol === 'http');
      collected = { origin, connects: new Mean(), handshakes: new Mean() };
      all.set(key, collected);
    }
    return collected;
  };
  const opening: Series[] = [];
  for (const { metric, series } of readings) {
    const read = COUNTED[metric.name];
    if (read === undefined && !OTHERS.has(metric.name)) continue;

    for (const each of series) {
      if (('value' in each ? each.value : each.count) === 0) continue; // most are zero

      if (metric.name === 'connmeter.connection.pending') opening.push(each);
      else if (metric.name === 'connmeter.connect.duration') of(each.attributes).connects.add(each);
      else if (metric.name === 'connmeter.tls.handshake.duration') of(each.attributes).handshakes.add(each);
      else if (metric.name === 'dns.lookup.duration') addLookup(lookups, each);
      else if (read !== undefined && 'value' in each) read(of(each.attributes), each.attributes, each.value);
    }
  }
  for (const each of opening) {
    // It is not known yet whether HTTP is spoken on them.
    const { 'server.address': address, 'server.port': port } = each.attributes;
    const http = all.has(`${address} ${port} http`) ? { 'network.protocol.name': 'http' } : {};
    if ('value' in each) of({ ...each.attributes, ...http }).origin.now.opening += each.value;
  }
  return Array.from(all.values(), ({ origin, connects, handshakes }) => {
    const dns = lookups.get(origin.address)?.value ?? 0;
    const tls = handshakes.count === 0 ? 0 : (handshakes.value * handshakes.count) / Math.max(1, connects.count);
    return { ...origin, setup: connects.count === 0 ? 0 : dns + connects.value + tls };
  });
}

const OTHERS: ReadonlySet<string> = new Set([
  'connmeter.connection.pending',
  'connmeter.connect.duration',
  'connmeter.tls.handshake.duration',
  'dns.lookup.duration',
]);

/** Attributes are the same objects each time. */
const keys = new WeakMap<Attributes, string>();

function keyOf(attributes: Attributes): string {
  let key = keys.get(attributes);
  if (key === undefined) {
    const { 'server.address': address, 'server.port': port, 'network.protocol.name': protocol } = attributes;
    key = `${address} ${port} ${protocol}`;
    keys.set(attributes, key);
  }
  return key;
}

type Read = (collected: Collected, labels: Attributes, value: number) => void;

/** How to read the counters and gauges of an origin. */
const COUNTED: Readonly<Record<string, Read>> = {
  'connmeter.connection.opened': ({ origin }, labels, value) => {
    const cause = labels['connmeter.open.cause'] as OriginOverview['opened'][number]['cause'];
    const reason = labels['connmeter.close.reason'] as OriginOverview['opened'][number]['reason'];
    add(origin.opened, { cause, ...(reason && { reason }) }, value);
  },
  'connmeter.connection.closed': ({ origin }, labels, value) => {
    const reason = labels['connmeter.close.reason'] as OriginOverview['closed'][number]['reason'];
    add(origin.closed, { reason }, value);
  },
  'connmeter.connection.failed': ({ origin }, labels, value) => {
    const phase = labels['connmeter.phase'] as OriginOverview['failed'][number]['phase'];
    add(origin.failed, { phase, errorType: String(labels['error.type']) }, value);
  },
  'connmeter.requests': ({ origin }, labels, value) => {
    origin.requests[labels['connmeter.connection.reused'] ? 'reused' : 'fresh'] += value;
  },
  'http.client.open_connections': ({ origin }, labels, value) => {
    origin.now[labels['http.connection.state'] === 'active' ? 'active' : 'idle'] += value;
  },
  'connmeter.open_connections': ({ origin }, _labels, value) => {
    origin.now.idle += value;
  },
  'connmeter.body.held': ({ origin }, _labels, value) => {
    origin.now.held += value;
  },
  'connmeter.request.pending': ({ origin }, _labels, value) => {
    origin.waiting += value;
  },
  'connmeter.setup.wasted': ({ origin }, _labels, value) => {
    origin.wasted += value;
  },
};

function emptyOrigin(address: string, port: number | undefined, http: boolean): Draft {
  return {
    address,
    port,
    http,
    opened: [],
    closed: [],
    failed: [],
    requests: { fresh: 0, reused: 0 },
    now: { active: 0, idle: 0, opening: 0, held: 0 },
    waiting: 0,
    setup: 0,
    wasted: 0,
  };
}

/** Adds a number to the entry with these labels. Zeros are left out. */
function add<Labels extends object>(entries: (Labels & { count: number })[], labels: Labels, value: number): void {
  if (value === 0) return;

  const index = entries.findIndex(entry => hasLabels(entry, labels));
  const known = entries[index]?.count ?? 0;
  const entry = { ...labels, count: known + value };
  if (index < 0) entries.push(entry);
  else entries[index] = entry;
}

/** Whether an entry has these labels, and no others. */
function hasLabels(entry: object, labels: object): boolean {
  const names = Object.keys(labels);
  if (Object.keys(entry).length !== names.length + 1) return false; // and its count
  return names.every(name => entry[name as keyof typeof entry] === labels[name as keyof typeof labels]);
}

/** The mean of what several histograms have recorded, in seconds. */
class Mean {
  count = 0;
  #sum = 0;

  add(series: Series): void {
    if (!('sum' in series)) return;

    this.count += series.count;
    this.#sum += series.sum;
  }

  get value(): number {
    return this.count === 0 ? 0 : this.#sum / this.count;
  }
}

function addLookup(lookups: Map<string, Mean>, series: Series): void {
  const { 'dns.question.name': name, 'error.type': error } = series.attributes;
  if (error !== undefined) return;

  const mean = lookups.get(String(name)) ?? new Mean();
  mean.add(series);
  lookups.set(String(name), mean);
}
