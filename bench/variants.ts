// The variants: no instrumentation, no-op subscribers, connmeter, and other instrumentations.
import { subscribe } from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import { PerformanceObserver } from 'node:perf_hooks';
import type { MeterProvider } from '@opentelemetry/sdk-metrics';
import { ManualReader } from '../test/support/manual-reader.ts';

/** A started variant. */
export interface Observer {
  /** Called for each request, or for each connection without requests. */
  readonly perRequest?: () => void;
  /** The number of requests it has counted, which proves that it was active. */
  readonly counted?: () => Promise<number>;
}

export interface Variant {
  readonly title: string;
  readonly start: () => Promise<Observer> | Observer;
}

/**
 * The channels that connmeter subscribes to, and the events it listens to on each socket. On sockets of node:http it
 * replaces the last event with two others. A test compares these lists with the sources.
 */
export const CHANNELS = [
  'net.client.socket',
  'undici:client:beforeConnect',
  'undici:client:connected',
  'undici:client:connectError',
  'undici:proxy:connected',
  'undici:request:create',
  'connmeter:request:dispatching',
  'connmeter:request:dispatched',
  'connmeter:request:started',
  'connmeter:request:failed',
  'undici:client:sendHeaders',
  'undici:request:headers',
  'undici:request:trailers',
  'undici:request:error',
  'http.client.request.created',
  'http.client.request.start',
  'http.client.request.error',
  'http.client.response.finish',
  'http2.client.stream.start',
  'http2.client.stream.close',
] as const;
export const SOCKET_EVENTS = [
  'lookup',
  'connectionAttempt',
  'connect',
  'timeout',
  'end',
  'close',
  'newListener',
] as const;
export const HTTP_SOCKET_EVENTS = ['free', 'agentRemove'] as const;

/** Labels of a program that counts its own requests. */
const LABELS = { 'server.address': '127.0.0.1', 'server.port': 80, 'http.request.method': 'GET', status: 200 };

export const VARIANTS = {
  nobody: { title: 'baseline', start: () => ({}) },
  again: { title: 'baseline, again', start: () => ({}) },
  noop: { title: 'subscribers that do nothing', start: subscribeNothing },
  connmeter: { title: 'connmeter', start: startConnmeter },
  provider: { title: 'connmeter, under your MeterProvider', start: startUnderProvider },
  undici: { title: '`instrumentation-undici`', start: () => startInstrumentation('undici') },
  http: { title: '`instrumentation-http`', start: () => startInstrumentation('http') },
  add: { title: '`counter.add` per request', start: startCounter },
  prom: { title: 'prom-client, `inc` per request', start: startPromClient },
} satisfies Record<string, Variant>;

export type VariantName = keyof typeof VARIANTS;

/** The floor of any instrumentation of this kind: the same subscriptions and listeners, which do nothing. */
export function subscribeNothing(): Observer {
  for (const name of CHANNELS) {
    if (name !== 'net.client.socket' && name !== 'http.client.request.created') subscribe(name, () => {});
  }
  const doingNothing = (events: readonly string[]) => events.map(event => [event, () => {}] as const);
  const listeners = doingNothing(SOCKET_EVENTS);
  const listenersOfHttp = doingNothing(HTTP_SOCKET_EVENTS);
  const onSecure = () => {};
  let latest: EventEmitter | undefined;
  subscribe('net.client.socket', message => {
    const { socket } = message as { socket: EventEmitter & { encrypted?: boolean } };
    for (const [event, listener] of listeners) socket.on(event, listener);
    if (socket.encrypted) socket.on('secureConnect', onSecure);
    latest = socket;
  });
  subscribe('http.client.request.created', () => {
    if (latest === undefined) return;

    for (const [event, listener] of listenersOfHttp) latest.on(event, listener);
    latest.removeListener(...(listeners.at(-1) as (typeof listeners)[number]));
    latest = undefined;
  });
  new PerformanceObserver(() => {}).observe({ entryTypes: ['dns'] });
  return {};
}

async function metering(): Promise<{ provider: MeterProvider; sum: (metric: string) => Promise<number> }> {
  const { MeterProvider } = await import('@opentelemetry/sdk-metrics');
  const reader = new ManualReader();
  const sum = async (name: string) => {
    const { resourceMetrics } = await reader.collect();
    const metrics = resourceMetrics.scopeMetrics.flatMap(scope => scope.metrics);
    const points = metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [];
    return points.reduce((total, { value }) => total + (typeof value === 'number' ? value : value.count), 0);
  };
  return { provider: new MeterProvider({ readers: [reader] }), sum };
}

/** As `connmeter/register` has it: nothing but a scrape reads the numbers. */
async function startConnmeter(): Promise<Observer> {
  const { ConnectionInstrumentation } = await import('../src/index.ts');
  const instrumentation = new ConnectionInstrumentation();
  const sum = (name: string) => {
    const series = instrumentation.read().find(({ metric }) => metric.name === name)?.series ?? [];
    return series.reduce((total, each) => total + ('value' in each ? each.value : each.count), 0);
  };
  // Without HTTP there are no requests, so connections are counted.
  return { counted: async () => sum('connmeter.requests') || sum('connmeter.connection.opened') };
}

/** As in a program that has a MeterProvider of its own. */
async function startUnderProvider(): Promise<Observer> {
  const { ConnectionInstrumentation } = await import('../src/index.ts');
  const { provider, sum } = await metering();
  new ConnectionInstrumentation().setMeterProvider(provider);
  return { counted: async () => (await sum('connmeter.requests')) || (await sum('connmeter.connection.opened')) };
}

/** Only its duration histogram, without traces, which cost much more. */
async function startInstrumentation(of: 'undici' | 'http'): Promise<Observer> {
  const { provider, sum } = await metering();
  const instrumentation =
    of === 'undici'
      ? new (await import('@opentelemetry/instrumentation-undici')).UndiciInstrumentation()
      : new (await import('@opentelemetry/instrumentation-http')).HttpInstrumentation();
  instrumentation.setMeterProvider(provider);
  return {
    counted: async () => (await sum('http.client.request.duration')) || (await sum('http.client.duration')),
  };
}

async function startCounter(): Promise<Observer> {
  const { provider, sum } = await metering();
  const counter = provider.getMeter('bench').createCounter('requests');
  return { perRequest: () => counter.add(1, { ...LABELS }), counted: () => sum('requests') };
}

async function startPromClient(): Promise<Observer> {
  const { default: prom } = await import('prom-client');
  const counter = new prom.Counter({
    name: 'requests_total',
    help: 'Requests.',
    labelNames: ['address', 'port', 'method', 'status'],
  });
  const { 'server.address': address, 'server.port': port, 'http.request.method': method, status } = LABELS;
  return {
    perRequest: () => counter.inc({ address, port, method, status }),
    counted: async () => (await counter.get()).values.reduce((total, { value }) => total + value, 0),
  };
}
