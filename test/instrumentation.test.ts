import { once } from 'node:events';
import net from 'node:net';
import { DiagLogLevel, diag, type Meter, metrics } from '@opentelemetry/api';
import type { Instrumentation } from '@opentelemetry/instrumentation';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { expect, expectTypeOf, onTestFinished, test, vi } from 'vitest';
import { CLOSE_REASONS } from '../src/core/reasons.ts';
import { ConnectionInstrumentation, type ConnectionInstrumentationConfig } from '../src/index.ts';
import { ShownMetrics } from '../src/metrics/detail.ts';
import { createInstruments } from '../src/metrics/instruments.ts';
import { MetricRegistry } from '../src/metrics/registry.ts';
import { METRICS } from '../src/metrics/table.ts';
import { VERSION } from '../src/version.ts';
import { instrument } from './support/instrument.ts';
import { ManualReader } from './support/manual-reader.ts';
import { server } from './support/server.ts';
import { until } from './support/until.ts';

/** Opens a connection that stays open until the test ends or destroys it. */
async function connected(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function closed(socket: net.Socket): Promise<void> {
  socket.destroy();
  await once(socket, 'close');
}

/** A real provider, and a function that returns the value of a counter or the count of a histogram, or undefined. */
function provider() {
  const reader = new ManualReader();
  return {
    provider: new MeterProvider({ readers: [reader] }),
    async value(name: string): Promise<number | undefined> {
      const { resourceMetrics } = await reader.collect();
      const metric = resourceMetrics.scopeMetrics
        .flatMap(scope => scope.metrics)
        .find(({ descriptor }) => descriptor.name === name);
      return metric?.dataPoints
        .map(({ value }) => (typeof value === 'number' ? value : value.count))
        .reduce((total, value) => total + value, 0);
    },
  };
}

/** A provider whose callbacks can be counted; the SDK calls a callback once per collection, even if it is added twice. */
function countingProvider() {
  const { provider: real } = provider();
  let callbacks = 0;
  let meters = 0;
  const counting: Pick<MeterProvider, 'getMeter'> = {
    getMeter(...scope) {
      meters++;
      const meter: Meter = real.getMeter(...scope);
      return new Proxy(meter, {
        get(target, name) {
          if (name === 'addBatchObservableCallback') callbacks++;
          if (name === 'removeBatchObservableCallback') callbacks--;
          const value = Reflect.get(target, name);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  };
  return { provider: counting, callbacks: () => callbacks, meters: () => meters };
}

test('implements the Instrumentation interface without the base class', () => {
  expectTypeOf(ConnectionInstrumentation).instance.toExtend<Instrumentation<ConnectionInstrumentationConfig>>();
  expectTypeOf(ConnectionInstrumentation).instance.toExtend<Instrumentation>();
  expectTypeOf(ConnectionInstrumentation).toBeConstructibleWith();
  expectTypeOf(ConnectionInstrumentation).toBeConstructibleWith({ enabled: false, maxOrigins: 5 });
});

test('has its name and version in the interface and in the meter', () => {
  const scopes: unknown[][] = [];
  const instrumentation = new ConnectionInstrumentation({ enabled: false });

  instrumentation.setMeterProvider({
    getMeter: (...scope) => {
      scopes.push(scope);
      return provider().provider.getMeter('any');
    },
  });

  expect(instrumentation).toMatchObject({ instrumentationName: 'connmeter', instrumentationVersion: VERSION });
  expect(scopes).toEqual([['connmeter', VERSION]]);
});

test('starts at once, unless enabled is false', async () => {
  const { port, seen } = await server({ kind: 'tcp' });
  const { read } = instrument();
  const { read: readIdle } = instrument({ enabled: false });

  await connected(port);

  expect(await until(seen, ({ accepts }) => accepts === 1)).toMatchObject({ accepts: 1 });
  expect((await read()).countsOf(port)).toMatchObject({ opened: 1 });
  expect((await readIdle()).points('connmeter.connection.opened')).toEqual([]);
});

test('counts each connection once, however often it is enabled', async () => {
  const { port } = await server({ kind: 'tcp' });
  const { instrumentation, read } = instrument();
  instrumentation.enable();
  instrumentation.enable();

  const socket = await connected(port);
  await closed(socket);

  expect((await read()).countsOf(port)).toMatchObject({ opened: 1, closed: 1 });
});

test('is off when enabled twice and disabled once', async () => {
  const { port } = await server({ kind: 'tcp' });
  const { instrumentation, read } = instrument();
  instrumentation.enable();
  instrumentation.disable();

  await connected(port);

  expect((await read()).points('connmeter.connection.opened')).toEqual([]);
});

test('counts connections that started while it was enabled, however often it is disabled and enabled', async () => {
  const { port, seen } = await server({ kind: 'tcp' });
  const { instrumentation, read } = instrument({ enabled: false });
  const opened = async () => (await read()).countsOf(port).opened;
  const counted: number[] = [];

  for (let i = 0; i < 5; i++) {
    instrumentation.disable();
    instrumentation.disable();
    await closed(await connected(port));
    instrumentation.enable();
    await closed(await connected(port));
    counted.push(await opened());
  }

  expect((await until(seen, ({ accepts }) => accepts === 10)).accepts).toBe(10);
  expect(counted).toEqual([1, 2, 3, 4, 5]);
});

test('a connection that is open at disable() still counts as closed later', async () => {
  const { port, seen } = await server({ kind: 'tcp' });
  const { instrumentation, read } = instrument();
  const socket = await connected(port);
  expect((await read()).countsOf(port)).toMatchObject({ opened: 1, closed: 0 });

  instrumentation.disable();
  await closed(socket);

  await until(seen, ({ open }) => open === 0);
  expect((await read()).countsOf(port)).toMatchObject({ opened: 1, closed: 1 });
});

test('a connection that is connecting at disable() still counts as opened and closed', async () => {
  const { port } = await server({ kind: 'tcp' });
  const { instrumentation, read } = instrument();
  const socket = net.connect(port, '127.0.0.1');

  instrumentation.disable();
  await once(socket, 'connect');
  await closed(socket);

  expect((await read()).countsOf(port)).toMatchObject({ opened: 1, closed: 1, failed: 0 });
});

test('new sockets have no listeners of connmeter after disable()', async () => {
  const { port } = await server({ kind: 'tcp' });
  const { instrumentation } = instrument({ enabled: false });
  const listeners = async () => {
    const socket = await connected(port);
    return socket.eventNames().map(name => [name, socket.listenerCount(name)]);
  };
  const plain = await listeners();
  instrumentation.enable();
  const measured = await listeners();

  instrumentation.disable();
  const after = await listeners();

  expect(measured).not.toEqual(plain);
  expect(after).toEqual(plain);
});

test('connections before the first provider are counted, and a later provider gets them', async () => {
  const { port } = await server({ kind: 'tcp' });
  const instrumentation = new ConnectionInstrumentation();
  onTestFinished(() => instrumentation.disable());
  await closed(await connected(port));
  const late = provider();

  instrumentation.setMeterProvider(late.provider);

  expect(await late.value('connmeter.connection.closed')).toBe(1);
});

test('the global provider at its construction is used', async () => {
  const { port } = await server({ kind: 'tcp' });
  const global = provider();
  metrics.setGlobalMeterProvider(global.provider);
  onTestFinished(() => metrics.disable());
  const instrumentation = new ConnectionInstrumentation();
  onTestFinished(() => instrumentation.disable());

  await connected(port);

  expect(await global.value('connmeter.connection.opened')).toBe(1);
});

test('a provider that is set twice has one callback and one meter', () => {
  const instrumentation = new ConnectionInstrumentation({ enabled: false });
  const counting = countingProvider();

  instrumentation.setMeterProvider(counting.provider);
  instrumentation.setMeterProvider(counting.provider);

  expect([counting.callbacks(), counting.meters()]).toEqual([1, 1]);
});

test('a provider that comes back counts nothing twice', async () => {
  const { port } = await server({ kind: 'tcp' });
  const [first, second] = [provider(), provider()];
  const instrumentation = new ConnectionInstrumentation();
  onTestFinished(() => instrumentation.disable());
  instrumentation.setMeterProvider(first.provider);
  await closed(await connected(port));
  expect(await first.value('connmeter.connection.opened')).toBe(1);

  for (const next of [second, first]) instrumentation.setMeterProvider(next.provider);
  await closed(await connected(port));

  expect(await first.value('connmeter.connection.opened')).toBe(2);
});

test('only the last of several providers has a callback, however often they change', () => {
  const instrumentation = new ConnectionInstrumentation({ enabled: false });
  const first = countingProvider();
  const second = countingProvider();

  for (const next of [first, second, first, second]) instrumentation.setMeterProvider(next.provider);

  expect(first.meters()).toBe(2);
  expect([first.callbacks(), second.callbacks()]).toEqual([0, 1]);
});

test('a replaced provider gets neither counts nor durations', async () => {
  const { port } = await server({ kind: 'tcp' });
  const instrumentation = new ConnectionInstrumentation();
  onTestFinished(() => instrumentation.disable());
  const old = provider();
  const current = provider();
  instrumentation.setMeterProvider(old.provider);
  await closed(await connected(port));
  expect(await old.value('connmeter.connection.opened')).toBe(1);

  instrumentation.setMeterProvider(current.provider);
  await closed(await connected(port));

  expect(await current.value('connmeter.connection.opened')).toBe(2);
  expect(await current.value('connmeter.connect.duration')).toBe(1);
  expect(await old.value('connmeter.connection.opened')).not.toBe(2);
  expect(await old.value('connmeter.connect.duration')).toBe(1);
});

test('a provider that is shut down does not affect later measurements', async () => {
  const { port } = await server({ kind: 'tcp' });
  const { instrumentation } = instrument();
  const old = provider();
  instrumentation.setMeterProvider(old.provider);
  await old.provider.shutdown();
  await closed(await connected(port));
  const current = provider();

  instrumentation.setMeterProvider(current.provider);

  expect(await current.value('connmeter.connection.opened')).toBe(1);
});

test('registerInstrumentations sets the provider and disables the instrumentation again', async () => {
  const { port } = await server({ kind: 'tcp' });
  const given = provider();
  const instrumentation = new ConnectionInstrumentation();
  const unload = registerInstrumentations({
    instrumentations: [instrumentation],
    meterProvider: given.provider,
  });
  onTestFinished(() => instrumentation.disable());
  await connected(port);

  unload();
  await connected(port);

  expect(await given.value('connmeter.connection.opened')).toBe(1);
});

test('two instances in one process report the same counts, each to its own provider', async () => {
  const { port } = await server({ kind: 'tcp' });
  const one = instrument();
  const other = instrument();

  await closed(await connected(port));

  for (const { read } of [one, other])
    expect((await read()).countsOf(port)).toMatchObject({ opened: 1, closed: 1, failed: 0 });
});

test('every metric of the table is created at the provider under its name', () => {
  const names: string[] = [];
  const { provider: real } = provider();
  const meter = real.getMeter('any');
  const noting =
    <Args extends [string, ...unknown[]], Made>(create: (...args: Args) => Made) =>
    (...args: Args) => {
      names.push(args[0]);
      return create.apply(meter, args);
    };
  const instrumentation = new ConnectionInstrumentation({ enabled: false });

  instrumentation.setMeterProvider({
    getMeter: () =>
      new Proxy(meter, {
        get(target, name) {
          const value = Reflect.get(target, name);
          if (typeof value !== 'function') return value;
          return String(name).startsWith('create') ? noting(value) : value.bind(target);
        },
      }),
  });

  expect(names).toEqual(METRICS.map(({ name }) => name));
});

test('the current options are the given ones and the defaults', () => {
  expect(new ConnectionInstrumentation({ enabled: false }).getConfig()).toEqual({
    enabled: false,
    maxOrigins: 100,
    detail: 'full',
    callSites: true,
    servers: true,
    readUndiciInternals: true,
    traces: false,
  });
  expect(new ConnectionInstrumentation({ enabled: false, maxOrigins: 7 }).getConfig()).toEqual({
    enabled: false,
    maxOrigins: 7,
    detail: 'full',
    callSites: true,
    servers: true,
    readUndiciInternals: true,
    traces: false,
  });
});

test('new options replace the old ones, and omitted options return to their defaults', () => {
  const instrumentation = new ConnectionInstrumentation({ enabled: false, maxOrigins: 7 });

  instrumentation.setConfig({ maxOrigins: 9 });
  expect(instrumentation.getConfig()).toEqual({
    enabled: true,
    maxOrigins: 9,
    detail: 'full',
    callSites: true,
    servers: true,
    readUndiciInternals: true,
    traces: false,
  });

  instrumentation.setConfig();
  expect(instrumentation.getConfig()).toEqual({
    enabled: true,
    maxOrigins: 100,
    detail: 'full',
    callSites: true,
    servers: true,
    readUndiciInternals: true,
    traces: false,
  });
});

test('changing an options object afterwards has no effect', () => {
  const config = { enabled: false, maxOrigins: 7 };
  const instrumentation = new ConnectionInstrumentation(config);

  config.maxOrigins = 8;

  expect(instrumentation.getConfig()).toMatchObject({ maxOrigins: 7 });
});

test('a new maxOrigins applies to new origins', async () => {
  const servers = await Promise.all([server({ kind: 'tcp' }), server({ kind: 'tcp' }), server({ kind: 'tcp' })]);
  const [first, second, third] = servers.map(({ port }) => port) as [number, number, number];
  const { instrumentation, read } = instrument({ maxOrigins: 1 });
  const addresses = async () =>
    new Set(
      (await read())
        .points('connmeter.connection.opened')
        .map(({ attributes }) => attributes['server.port'] ?? 'other'),
    );
  await closed(await connected(first));
  await closed(await connected(second));
  expect(await addresses()).toEqual(new Set([first, 'other']));

  instrumentation.setConfig({ maxOrigins: 2 });
  await closed(await connected(third));

  expect(await addresses()).toEqual(new Set([first, third, 'other']));
});

test.each([
  [{ maxOrigins: 0 }, 'connmeter: option "maxOrigins" must be an integer from 1 to 1000, got 0'],
  [{ maxOrigins: 1001 }, 'connmeter: option "maxOrigins" must be an integer from 1 to 1000, got 1001'],
])('%j is refused by the constructor and by setConfig, and changes nothing', (config, message) => {
  const instrumentation = new ConnectionInstrumentation({ enabled: false, maxOrigins: 5 });

  expect(() => new ConnectionInstrumentation(config)).toThrow(new RangeError(message));
  expect(() => instrumentation.setConfig(config)).toThrow(new RangeError(message));
  expect(instrumentation.getConfig()).toEqual({
    enabled: false,
    maxOrigins: 5,
    detail: 'full',
    callSites: true,
    servers: true,
    readUndiciInternals: true,
    traces: false,
  });
});

test('a tracer provider is accepted and ignored', () => {
  const instrumentation = new ConnectionInstrumentation({ enabled: false });

  expect(() => instrumentation.setTracerProvider({ getTracer: () => expect.unreachable() })).not.toThrow();
});

test('a global provider that is registered later gets the metrics, from the next connection on', async () => {
  const { port } = await server({ kind: 'tcp' });
  const { provider: late, value } = provider();
  const instrumentation = new ConnectionInstrumentation();
  onTestFinished(() => instrumentation.disable());
  await closed(await connected(port));

  metrics.setGlobalMeterProvider(late);
  onTestFinished(() => metrics.disable());
  await closed(await connected(port));

  expect(await value('connmeter.connection.opened')).toBe(2);
});

test('a provider of its own is kept when a global one is registered', async () => {
  const { port } = await server({ kind: 'tcp' });
  const [own, late] = [provider(), provider()];
  const instrumentation = new ConnectionInstrumentation();
  onTestFinished(() => instrumentation.disable());
  instrumentation.setMeterProvider(own.provider);

  metrics.setGlobalMeterProvider(late.provider);
  onTestFinished(() => metrics.disable());
  await closed(await connected(port));

  expect(await own.value('connmeter.connection.opened')).toBe(1);
  expect(await late.value('connmeter.connection.opened')).toBeUndefined();
});

test('maxOrigins above what the SDK has room for gives one warning with the limit; the View in it makes room', async () => {
  const warnings: string[] = [];
  const nothing = () => {};
  const logger = { error: nothing, warn: (text: string) => void warnings.push(text), info: nothing, debug: nothing };
  diag.setLogger({ ...logger, verbose: nothing }, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  onTestFinished(() => diag.disable());
  const instrumentation = new ConnectionInstrumentation({ maxOrigins: 100 });
  onTestFinished(() => instrumentation.disable());
  instrumentation.setMeterProvider(provider().provider);
  expect(warnings).toEqual([]);

  instrumentation.setConfig({ maxOrigins: 1_000 });
  instrumentation.setMeterProvider(provider().provider);

  expect(warnings).toEqual([
    expect.stringMatching(/^connmeter: maxOrigins is 1000, but .* enough for about 130 origins.*Limit: 15000 \}$/),
  ]);
});

test.each([
  ['', undefined, true],
  [' with the View of the warning', [{ instrumentName: '*', aggregationCardinalityLimit: 15_000 }], false],
])('1,000 origins with nine reasons each%s', async (_how, views, overflows) => {
  const reader = new ManualReader();
  const registry = new MetricRegistry(1_000);
  const meter = new MeterProvider({ readers: [reader], ...(views && { views }) }).getMeter('test');
  createInstruments(meter, registry, new ShownMetrics('full'), () => {}).start();
  for (let port = 1; port <= 1_000; port++) {
    const counts = registry.originCounts({ address: 'a.test', port }, true);
    for (const reason of CLOSE_REASONS.slice(0, 9)) counts.closed(reason);
  }

  const { resourceMetrics } = await reader.collect();

  const labels = resourceMetrics.scopeMetrics[0]?.metrics.flatMap(({ dataPoints }) =>
    dataPoints.flatMap(({ attributes }) => Object.keys(attributes)),
  );
  expect(labels?.includes('otel.metric.overflow')).toBe(overflows);
});

test('two instrumentations with the same provider count once, also from two copies of the package, and say so once', async () => {
  const { port } = await server({ kind: 'tcp' });
  const warnings: string[] = [];
  const nothing = () => {};
  const logger = { error: nothing, warn: (text: string) => void warnings.push(text), info: nothing, debug: nothing };
  diag.setLogger({ ...logger, verbose: nothing }, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  onTestFinished(() => diag.disable());
  vi.resetModules();
  const copy = (await import('../src/index.ts')).ConnectionInstrumentation;
  expect(copy).not.toBe(ConnectionInstrumentation);
  const { provider: shared, value } = provider();
  for (const Instrumentation of [ConnectionInstrumentation, copy]) {
    const each = new Instrumentation();
    onTestFinished(() => each.disable());
    each.setMeterProvider(shared);
    each.setMeterProvider(shared);
  }

  await closed(await connected(port));

  expect(await value('connmeter.connection.opened')).toBe(1);
  expect(warnings).toEqual([
    expect.stringMatching(/^connmeter: another instrumentation already measures this process/),
  ]);
});

test('originName names an origin everywhere', async () => {
  const { port } = await server({ kind: 'http' });
  const own = provider();
  const instrumentation = new ConnectionInstrumentation({
    originName: address => (address === '127.0.0.1' ? 'pods' : address),
  });
  onTestFinished(() => instrumentation.disable());
  instrumentation.setMeterProvider(own.provider);
  const socket = await connected(port);
  const { live } = instrumentation.connections.snapshot();
  await closed(socket);
  await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } }).then(response => response.text());

  await own.value('connmeter.connection.opened');
  const snapshot = instrumentation.connections.snapshot();
  expect(live.map(({ address }) => address)).toEqual(['pods']);
  expect(snapshot.origins.map(({ address }) => address)).toEqual(['pods', 'pods']);
  expect(JSON.stringify(snapshot)).not.toContain('127.0.0.1');
});
