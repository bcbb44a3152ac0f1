import { expect, test } from 'vitest';
import { guardWith } from '../../../src/core/guard.ts';
import { ShownMetrics } from '../../../src/metrics/detail.ts';
import { MetricRegistry } from '../../../src/metrics/registry.ts';
import { type Reading, readAll } from '../../../src/metrics/table.ts';
import { SharedMemory } from '../../../src/register/threads/memory.ts';
import { SharedStorage } from '../../../src/register/threads/shared-storage.ts';
import { Threads } from '../../../src/register/threads/threads.ts';

const { channel } = process.getBuiltinModule('node:diagnostics_channel');
const { EventEmitter } = process.getBuiltinModule('node:events');

const guard = guardWith((_where, error) => {
  throw error;
});
process.setMaxListeners(0); // each process of a test listens to the end of the real one

const origin = { address: 'a.test', port: 80 };

/** A main thread, and how it starts others. */
function aProcess(maxOrigins = 10) {
  const memory = SharedMemory.create(16 * 1024 * 1024);
  const main = new MetricRegistry(maxOrigins);
  const threads = new Threads({
    shown: new ShownMetrics('full'),
    memory,
    read: () => readAll(main),
    maxOrigins,
    guard,
  });
  let threadId = 0;
  const startThread = (parentId = 0) => {
    const worker = Object.assign(new EventEmitter(), { threadId: ++threadId });
    channel('worker_threads').publish({ worker });
    const entry = memory.join(worker.threadId, parentId) as number;
    let isFull = false;
    const storage = new SharedStorage(memory, entry, () => {
      isFull = true;
    });
    const registry = new MetricRegistry(maxOrigins, undefined, storage);
    return {
      entry,
      registry,
      storage,
      isFull: () => isFull,
      refresh: () => storage.refreshed(readAll(registry)),
      end: () => worker.emit('exit', 1),
    };
  };
  return { memory, main, threads, startThread };
}

function sumOf(readings: readonly Reading[], name: string): number {
  const { series = [] } = readings.find(({ metric }) => metric.name === name) ?? {};
  return series.reduce((sum, each) => sum + ('value' in each ? each.value : each.count), 0);
}

const OPENED = 'connmeter.connection.opened';

test('without threads, the numbers are those of the main thread', () => {
  const { main, threads } = aProcess();
  main.originCounts(origin, true).opened('first', undefined).value = 2;

  expect(threads.read()).toEqual(readAll(main));
});

test('counters and histograms of a thread are read as they are, at any time', () => {
  const { main, threads, startThread } = aProcess();
  const { registry } = startThread();
  main.originCounts(origin, true).opened('first', undefined).value = 2;
  const counts = registry.originCounts(origin, true);
  counts.opened('first', undefined).value++;
  counts.requests.reused.value += 3;
  counts.opened('replaced', 'keep_alive_off').value++;
  registry.listenerCounts(origin, true).accepted.value++;
  registry.faults.count('net');
  registry.histograms.record('connmeter.connect.duration', 0.01, counts.attributes);
  registry.histograms.record('connmeter.connect.duration', 10, counts.attributes);
  const readings = threads.read();

  expect(sumOf(readings, OPENED)).toBe(4);
  expect(sumOf(readings, 'connmeter.requests')).toBe(3);
  expect(sumOf(readings, 'connmeter.server.connection.accepted')).toBe(1);
  expect(sumOf(readings, 'connmeter.faults')).toBe(1);
  expect(readings.find(({ metric }) => metric.name === 'connmeter.connect.duration')?.series).toMatchObject([
    { buckets: [0, 0, 1, 0, 0, 0, 1], sum: 10.01, count: 2 },
  ]);
  counts.opened('first', undefined).value++;
  expect(sumOf(threads.read(), OPENED)).toBe(5);
});

test('the series of a thread in shared memory are those that it would have alone, with the same values', () => {
  const { threads, startThread } = aProcess();
  const { registry, refresh } = startThread();
  const alone = new MetricRegistry(10);
  for (const each of [registry, alone]) {
    const counts = each.originCounts(origin, true);
    counts.closed('keep_alive_off').value++;
    counts.failure('connect', 'ECONNREFUSED').value++;
    counts.attempt('ipv4', 'ok').value++;
    counts.wastedSetup.value += 0.25;
    counts.inUse('1.1').idle.value = 2;
    each.originCounts(origin, false).open.value = 3;
    each.listenerCounts(origin, true).closed('error').value++;
    each.pendingTo(origin).in('dns').value = 1;
    each.lookupsAwaited = 2;
    each.histograms.record('dns.lookup.duration', 0.1, each.lookupAttributes('a.test', 'lookup'));
  }
  refresh();
  const plain = (readings: readonly Reading[]) =>
    readings
      .filter(({ metric }) => !['connmeter.processes', 'connmeter.threads'].includes(metric.name))
      .map(({ metric, series }) => [
        metric.name,
        series.map(each => ({ ...each, recorded: undefined })).toSorted((a, b) => order(a) - order(b)),
      ]);
  const order = ({ attributes }: object & { attributes: object }) => JSON.stringify(attributes).length;
  const own = new Map(plain(readAll(new MetricRegistry(10))) as [string, unknown][]);

  const shared = plain(threads.read()).filter(([name]) => !own.has(String(name)) || name !== 'connmeter.dns.pending');

  expect(shared).toEqual(plain(readAll(alone)).filter(([name]) => name !== 'connmeter.dns.pending'));
  expect(sumOf(threads.read(), 'connmeter.dns.pending')).toBe(2);
});

test('what a thread has counted stays when it has ended; its gauges leave', () => {
  const { memory, threads, startThread } = aProcess();
  const { registry, refresh, end } = startThread();
  const counts = registry.originCounts(origin, true);
  counts.opened('first', undefined).value = 5;
  counts.inUse('1.1').idle.value = 4;
  expect(sumOf(threads.read(), 'http.client.open_connections')).toBe(0); // not refreshed yet
  refresh();
  const alive = threads.read();
  end();
  const ended = threads.read();

  expect(sumOf(alive, 'http.client.open_connections')).toBe(4);
  expect(sumOf(alive, 'connmeter.threads')).toBe(2);
  expect(sumOf(alive, 'connmeter.processes')).toBe(1);
  expect(sumOf(ended, 'http.client.open_connections')).toBe(0);
  expect(sumOf(ended, 'connmeter.threads')).toBe(1);
  expect(sumOf(ended, OPENED)).toBe(5);
  expect(memory.entries).toEqual([]);
});

test('a thread that runs its exit handler has no gauges any more, but may still count', () => {
  const { memory, threads, startThread } = aProcess();
  const { entry, registry, refresh } = startThread();
  const counts = registry.originCounts(origin, true);
  counts.inUse('1.1').idle.value = 4;
  refresh();
  memory.exiting(entry);
  counts.opened('first', undefined).value = 1;
  const readings = threads.read();

  expect(sumOf(readings, 'http.client.open_connections')).toBe(0);
  expect(sumOf(readings, 'connmeter.threads')).toBe(1);
  expect(sumOf(readings, OPENED)).toBe(1);
});

test('many threads one after another need no more memory than one', () => {
  const { memory, threads, startThread } = aProcess();
  let size = 0;
  for (let i = 0; i < 200; i++) {
    const { registry, refresh, end } = startThread();
    registry.originCounts(origin, true).opened('first', undefined).value++;
    refresh();
    end();
    size ||= memory.buffer.byteLength;
  }

  expect(memory.buffer.byteLength).toBe(size);
  expect(sumOf(threads.read(), OPENED)).toBe(200);
});

test('the addresses of all threads together are bounded, those of ended threads included', () => {
  const { threads, startThread } = aProcess(3);
  for (let i = 0; i < 20; i++) {
    const { registry, end } = startThread();
    registry.originCounts({ address: `h${i}.test`, port: 80 }, true).opened('first', undefined).value++;
    if (i % 2 === 0) end();
  }
  const { series = [] } = threads.read().find(({ metric }) => metric.name === OPENED) ?? {};

  expect(new Set(series.map(({ attributes }) => attributes['server.address'])).size).toBe(4);
  expect(sumOf(threads.read(), OPENED)).toBe(20);
});

test('no total falls when threads end, not even by the rounding of a sum', () => {
  const { threads, startThread } = aProcess();
  const all = Array.from({ length: 24 }, (_, i) => ((i * 7) % 24) / 10).map(seconds => {
    const thread = startThread();
    thread.registry.originCounts(origin, true).wastedSetup.value = seconds;
    return thread;
  });
  let before = sumOf(threads.read(), 'connmeter.setup.wasted');
  for (const { end } of all.map((_, i) => all[(i * 5) % 24] as (typeof all)[number])) {
    end();
    const now = sumOf(threads.read(), 'connmeter.setup.wasted');
    expect(now).toBeGreaterThanOrEqual(before);
    before = now;
  }
});

test('if there is no room, a thread counts for itself, and that is said once', () => {
  const { memory, threads, startThread } = aProcess();
  const { entry, registry, isFull } = startThread();
  while (memory.take(entry, 'series') !== undefined);
  expect(isFull()).toBe(false);
  for (let i = 0; i < 10; i++)
    registry.originCounts({ address: `h${i}.test`, port: 80 }, true).opened('first', undefined).value++;

  expect(isFull()).toBe(true);
  expect(registry.allOriginCounts.map(({ allOpened }) => allOpened[0]?.value)).toEqual(new Array(10).fill(1));
  expect(sumOf(threads.read(), OPENED)).toBeLessThan(10);
});

const WAITING = {
  attributes: { 'server.address': 'a.test' },
  series: [
    ['connmeter.connection.opened', { 'connmeter.open.cause': 'first' }, 1],
    ['connmeter.requests', { 'connmeter.connection.reused': false }, 1],
  ],
} as const;

test('what a blocked thread has not counted is counted once: by the main thread, and not by the thread again', async () => {
  const { threads, startThread } = aProcess();
  const { registry, storage } = startThread();
  const counts = registry.originCounts(origin, true);
  const [one, other] = [storage.uncounted.write(WAITING, undefined), storage.uncounted.write(WAITING, undefined)];
  expect(sumOf(threads.read(), OPENED)).toBe(0); // it is asked first
  await threads.refresh();

  expect(sumOf(threads.read(), OPENED)).toBe(2);
  expect(sumOf(threads.read(), 'connmeter.requests')).toBe(2);
  expect(storage.uncounted.count(one as number, counts.opened('first', undefined), undefined)).toBe(false);
  expect(storage.uncounted.write(WAITING, other as number)).toBe('counted');
  expect(sumOf(threads.read(), OPENED)).toBe(2);
});

test('what a thread has counted itself is not in its records any more', () => {
  const { threads, startThread } = aProcess();
  const { registry, storage, end } = startThread();
  const counts = registry.originCounts(origin, true);
  const first = storage.uncounted.write({ ...WAITING, series: [] }, undefined) as number;
  const second = storage.uncounted.write(WAITING, first) as number;
  const third = storage.uncounted.write(WAITING, undefined) as number;
  expect(storage.uncounted.count(third, counts.opened('first', undefined), counts.requests.fresh)).toBe(true);
  expect(new Set([second, third]).size).toBe(2);
  end();

  expect(sumOf(threads.read(), OPENED)).toBe(2);
  expect(sumOf(threads.read(), 'connmeter.requests')).toBe(2);
});

test('records are used again, and there are not too many', () => {
  const { startThread } = aProcess();
  const { storage } = startThread();
  for (let i = 0; i < 5_000; i++) {
    const record = storage.uncounted.write(WAITING, undefined);
    expect(storage.uncounted.count(record as number, undefined, undefined)).toBe(true);
  }
  const written = Array.from({ length: 2_000 }, () => storage.uncounted.write(WAITING, undefined));

  expect(written.filter(record => record !== undefined).length).toBeGreaterThan(1_000);
  expect(written.at(-1)).toBeUndefined();
  const long = { ...WAITING, attributes: { 'server.address': 'x'.repeat(2_000) } };
  expect(storage.uncounted.write(long, written[0] as number)).toBeUndefined();
});

test('a collection waits for threads that answer, and only once for one that does not', async () => {
  const { memory, threads, startThread } = aProcess();
  const [answering] = [startThread(), startThread()];
  const listen = (turn: number): void => {
    void memory.nextQuestion(turn).then(() => {
      answering.registry.originCounts(origin, true).inUse('1.1').idle.value = memory.turn;
      answering.refresh();
      memory.answered(answering.entry, memory.turn);
      listen(memory.turn);
    });
  };
  listen(memory.turn);
  const took: number[] = [];
  for (let i = 1; i <= 3; i++) {
    const began = performance.now();
    const readings = await threads.collect();
    took.push(performance.now() - began);
    expect(sumOf(readings, 'http.client.open_connections')).toBe(i);
  }

  expect(took[0]).toBeGreaterThan(90);
  expect(Math.min(...took.slice(1))).toBeLessThan(90);
});

test('the first event in any thread is told once', async () => {
  const { memory, threads, startThread } = aProcess();
  let told = 0;
  threads.atFirstEvent(() => told++);
  startThread();
  memory.measures();
  memory.measures();
  await new Promise(resolve => setTimeout(resolve, 20));

  expect(told).toBe(1);
});
