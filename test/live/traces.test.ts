import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { context, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import * as undici from 'undici';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { instrument } from '../support/instrument.ts';
import { server } from '../support/server.ts';

beforeAll(() => void context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));
afterAll(() => context.disable());

/** Measures with spans, and returns those that have ended. */
function tracing(originName?: (address: string) => string) {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const { instrumentation, read } = instrument({ traces: true, originName });
  instrumentation.setTracerProvider(provider);
  const tracer = provider.getTracer('program');
  const inSpan = async <Result>(name: string, run: () => Promise<Result>): Promise<Result> => {
    const span = tracer.startSpan(name);
    try {
      return await context.with(trace.setSpan(context.active(), span), run);
    } finally {
      span.end();
    }
  };
  const setups = () => exporter.getFinishedSpans().filter(({ name }) => name.includes('connection_setup'));
  const childrenOf = (span: ReadableSpan) =>
    exporter
      .getFinishedSpans()
      .filter(({ parentSpanContext }) => parentSpanContext?.spanId === span.spanContext().spanId);
  return {
    read,
    inSpan,
    setups,
    childrenOf,
    named: (name: string) => exporter.getFinishedSpans().filter(each => each.name === name),
  };
}

const seconds = ([whole, nano]: readonly [number, number]) => whole + nano / 1e9;

function node(agent = new http.Agent({ keepAlive: true })) {
  onTestFinished(() => agent.destroy());
  return (url: string) =>
    new Promise<void>((resolve, reject) => {
      http.get(url, { agent }, response => response.resume().on('end', () => resolve())).on('error', reject);
    });
}

function withUndici() {
  const dispatcher = new undici.Agent({ connect: { rejectUnauthorized: false } });
  onTestFinished(() => dispatcher.destroy());
  return async (url: string) => void (await (await undici.request(url, { dispatcher })).body.text());
}

describe.each([
  ['node:http', node],
  ['undici', withUndici],
  ['fetch', () => async (url: string) => void (await (await fetch(url)).text())],
] as const)('%s', (_name, client) => {
  test('a new connection is a root span with its phases, linked with the request; a reused one has none', async () => {
    const { port } = await server({ kind: 'http' });
    const { inSpan, named, setups, childrenOf } = tracing();
    const ask = client();

    for (let i = 0; i < 3; i++) await inSpan(`request ${i}`, () => ask(`http://localhost:${port}/`));

    expect(setups()).toHaveLength(1);
    const [setup] = setups() as [ReadableSpan];
    const [request] = named('request 0') as [ReadableSpan];
    expect(setup).toMatchObject({
      name: `HTTP connection_setup localhost:${port}`,
      kind: SpanKind.INTERNAL,
      parentSpanContext: undefined,
      attributes: { 'server.address': 'localhost', 'server.port': port, 'connmeter.open.cause': 'first' },
    });
    expect(setup.links.map(({ context }) => context.spanId)).toEqual([request.spanContext().spanId]);
    expect(request.links.map(({ context }) => context.spanId)).toEqual([setup.spanContext().spanId]);
    expect(request.events.map(({ name }) => name)).toEqual(['connmeter.connection_opened']);
    expect(childrenOf(setup).map(({ name }) => name.replace(/(127\.0\.0\.1|\[::1\])/, 'IP'))).toEqual([
      'DNS lookup localhost',
      `socket connect IP:${port}`,
    ]);
    const [lookup, connect] = childrenOf(setup) as [ReadableSpan, ReadableSpan];
    expect(seconds(lookup.startTime)).toBeCloseTo(seconds(setup.startTime), 3);
    expect(seconds(connect.startTime)).toBeCloseTo(seconds(lookup.endTime), 3);
    expect(seconds(connect.endTime)).toBeCloseTo(seconds(setup.endTime), 3);
    expect(Math.abs(seconds(setup.endTime) - Date.now() / 1_000)).toBeLessThan(30);
  });

  test('100 requests at a time: each connection is linked with the request that opened it', async () => {
    const opener = new Map<number, string>();
    const listener = http.createServer((request, response) => {
      const from = request.socket.remotePort as number;
      if (!opener.has(from)) opener.set(from, String(request.url).slice(1));
      setTimeout(() => response.end(), 50);
    });
    await once(listener.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => {
      listener.close();
      listener.closeAllConnections();
    });
    const { port } = listener.address() as AddressInfo;
    const { read, inSpan, named, setups } = tracing();
    const ask = client();

    await Promise.all(
      Array.from({ length: 100 }, (_, i) => inSpan(`r${i}`, () => ask(`http://127.0.0.1:${port}/r${i}`))),
    );
    await read(); // decides the causes

    const linked = setups().map(({ links }) => links.map(({ context }) => context.spanId));
    const opened = [...opener.values()].map(name => named(name).map(span => span.spanContext().spanId));
    expect(linked.toSorted()).toEqual(opened.toSorted());
    expect(linked.every(each => each.length === 1)).toBe(true);
  });
});

test('the cause and the reason of a replaced connection are attributes', async () => {
  const { port } = await server({ kind: 'http' });
  const { read, inSpan, setups } = tracing();
  const ask = node(new http.Agent());

  for (let i = 0; i < 2; i++) await inSpan('request', () => ask(`http://127.0.0.1:${port}/`));
  await read();

  expect(
    setups().map(({ attributes }) => [attributes['connmeter.open.cause'], attributes['connmeter.close.reason']]),
  ).toEqual([
    ['first', undefined],
    ['replaced', 'keep_alive_off'],
  ]);
});

test('TLS is a child, with its version', async () => {
  const { port } = await server({ kind: 'https', certificate: await certificate() });
  const { read, setups, childrenOf } = tracing();
  const ask = withUndici();

  await ask(`https://127.0.0.1:${port}/`);
  await read();

  const [setup] = setups() as [ReadableSpan];
  expect(setup.links).toEqual([]); // no span was active
  expect(childrenOf(setup).at(-1)).toMatchObject({
    name: 'TLS client handshake 127.0.0.1',
    attributes: { 'tls.protocol.version': '1.3', 'tls.resumed': false },
  });
});

test('a connection that fails is an error, with phase and type', async () => {
  const { inSpan, setups } = tracing();
  const ask = node();

  await expect(inSpan('request', () => ask('http://127.0.0.1:1/'))).rejects.toThrow();

  await expect.poll(setups).toMatchObject([
    {
      name: 'HTTP connection_setup 127.0.0.1:1',
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'ECONNREFUSED', 'connmeter.phase': 'connect' },
    },
  ]);
});

test('names are those of originName', async () => {
  const { port } = await server({ kind: 'http' });
  const { read, setups } = tracing(() => 'payments');

  await node()(`http://127.0.0.1:${port}/`);
  await read();

  expect(setups()[0]).toMatchObject({
    name: `HTTP connection_setup payments:${port}`,
    attributes: { 'server.address': 'payments' },
  });
});

test('a tracer that throws spoils no count', async () => {
  const { port } = await server({ kind: 'http' });
  const { instrumentation, read } = instrument({ traces: true });
  const broken = {
    startSpan: (): Span => {
      throw new Error('broken');
    },
  };
  instrumentation.setTracerProvider({ getTracer: () => broken as never });
  onTestFinished(() => instrumentation.setTracerProvider(new TracerProvider()));
  const warned: unknown[] = [];
  const { diag } = await import('@opentelemetry/api');
  const quiet = { error() {}, warn: (line: unknown) => warned.push(line), info() {}, debug() {}, verbose() {} };
  diag.setLogger(quiet, { suppressOverrideMessage: true });

  for (let i = 0; i < 2; i++) await node()(`http://127.0.0.1:${port}/`);
  const readings = await read();

  expect(readings.countsOf(port)).toMatchObject({ opened: 2, fresh: 2 });
  expect(readings.value('connmeter.faults', { 'connmeter.fault.place': 'traces' })).toBeGreaterThan(0);
  expect(warned).toHaveLength(1);
});

test('without the option there are no spans', async () => {
  const exporter = new InMemorySpanExporter();
  const { port } = await server({ kind: 'http' });
  const { instrumentation, read } = instrument();
  instrumentation.setTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));

  await node()(`http://127.0.0.1:${port}/`);
  await read();

  expect(exporter.getFinishedSpans()).toEqual([]);
});
