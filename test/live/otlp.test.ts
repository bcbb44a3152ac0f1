import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { programPath, REGISTER, start } from '../support/child.ts';
import { server } from '../support/server.ts';
import { until } from '../support/until.ts';

interface Point {
  readonly asDouble?: number;
  readonly asInt?: number | string;
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, string | number> }[];
}

interface Metric {
  readonly name: string;
  readonly sum?: { readonly aggregationTemporality: number; readonly dataPoints: readonly Point[] };
  readonly histogram?: {
    readonly aggregationTemporality: number;
    readonly dataPoints: readonly { readonly count: number }[];
  };
}

interface Export {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: Point['attributes'] };
    readonly scopeMetrics: readonly { readonly metrics: readonly Metric[] }[];
  }[];
}

/** `AggregationTemporality` of OTLP. */
const [DELTA, CUMULATIVE] = [1, 2];

/** A receiver of OTLP over HTTP, as JSON. */
async function receiver() {
  const exports: Export[] = [];
  const receiving = http.createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    exports.push(JSON.parse(body));
    response.setHeader('content-type', 'application/json');
    response.end('{}');
  });
  receiving.listen(0, '127.0.0.1');
  onTestFinished(() => {
    receiving.close();
    receiving.closeAllConnections();
  });
  await once(receiving, 'listening');
  const metricsIn = (each: Export) =>
    each.resourceMetrics.flatMap(r => r.scopeMetrics.flatMap(({ metrics }) => metrics));
  return {
    exports,
    port: (receiving.address() as AddressInfo).port,
    /** The value of a counter in each export, for connections to a port. */
    values: (name: string, to: number) =>
      exports.map(each =>
        (metricsIn(each).find(metric => metric.name === name)?.sum?.dataPoints ?? [])
          .filter(({ attributes }) =>
            attributes.some(({ key, value }) => key === 'server.port' && Number(value['intValue']) === to),
          )
          .reduce((sum, { asDouble, asInt }) => sum + Number(asDouble ?? asInt), 0),
      ),
    temporality: (name: string) =>
      metricsIn(exports.at(-1) as Export).find(metric => metric.name === name)?.sum?.aggregationTemporality,
  };
}

async function exporting(
  env: Readonly<Record<string, string>>,
  { program = 'keep-alive-client.ts', preloads = [] }: { program?: string; preloads?: readonly string[] } = {},
) {
  const [asked, received] = [await server({ kind: 'http' }), await receiver()];
  const child = start(programPath(program), {
    args: [`http://127.0.0.1:${asked.port}/`, 3],
    node: [REGISTER.href, ...preloads].flatMap(preload => ['--import', preload]),
    env: {
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${received.port}`,
      OTEL_SERVICE_NAME: 'pay',
      ...env,
    },
  });
  if (program === 'keep-alive-client.ts') await child.printed('ready');
  return { asked, received, child };
}

test('with OTLP the last interval is sent when the program ends by itself', async () => {
  const { asked, received, child } = await exporting({});
  expect(received.exports).toEqual([]);

  child.writeLine('enough');

  expect(await child.outcome).toEqual({ code: 0, stdout: 'ready\n', stderr: '' });
  expect(received.values('connmeter.requests', asked.port)).toEqual([3]);
  expect(received.temporality('connmeter.requests')).toBe(CUMULATIVE);
  const attributes = received.exports[0]?.resourceMetrics[0]?.resource.attributes ?? [];
  expect(Object.fromEntries(attributes.map(({ key, value }) => [key, value['stringValue']]))).toMatchObject({
    'service.name': 'pay',
    'service.instance.id': expect.stringMatching(/^[\da-f-]{36}$/),
  });
});

test('nothing is sent twice: a MeterProvider that is registered later sends the metrics', async () => {
  const { received, child } = await exporting({}, { preloads: [programPath('global-provider.ts')] });
  child.writeLine('enough');

  expect(await child.outcome).toEqual({ code: 0, stdout: 'ready\ngiven: 1\n', stderr: '' });
  expect(received.exports).toEqual([]);
});

test('totals grow, and deltas add up to them', async () => {
  for (const [preference, temporality] of [
    ['cumulative', CUMULATIVE],
    ['delta', DELTA],
  ] as const) {
    const { asked, received, child } = await exporting({
      OTEL_METRIC_EXPORT_INTERVAL: '200',
      OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: preference,
    });
    await expect.poll(() => received.exports.length, { timeout: 10_000 }).toBeGreaterThan(3);
    child.writeLine('enough');
    await child.outcome;

    const values = received.values('connmeter.requests', asked.port);
    expect(received.temporality('connmeter.requests')).toBe(temporality);
    if (preference === 'cumulative') expect(values.at(-1)).toBe(3);
    else expect(values.reduce((sum, value) => sum + value, 0)).toBe(3);
  }
});

test('if the package of the protocol is not installed, one line says which one is needed, and the program runs', async () => {
  const { received, child } = await exporting({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
  child.writeLine('enough');

  expect(await child.outcome).toEqual({
    code: 0,
    stdout: 'ready\n',
    stderr:
      'connmeter: cannot export over OTLP: @opentelemetry/exporter-metrics-otlp-grpc is not installed: ' +
      'npm install @opentelemetry/exporter-metrics-otlp-grpc\n',
  });
  expect(received.exports).toEqual([]);
});

test.each(['cumulative', 'delta'])(
  'worker threads are in what is exported, also those that have ended: %s',
  async temporality => {
    const env = {
      OTEL_METRIC_EXPORT_INTERVAL: '200',
      OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: temporality,
    };
    const { asked, received, child } = await exporting(env, { program: 'threads-on-command.ts' });
    for (const line of ['2 kept', '3 closing terminate', '4 closing block', '2 kept exit']) {
      child.writeLine(line);
      await child.printed(`done ${line}\n`);
    }
    const before = received.exports.length;
    await until(
      () => received.exports.length,
      count => count > before + 1,
      10_000,
    );
    child.writeLine('end');
    expect(await child.outcome).toMatchObject({ code: 0, stderr: '' });

    const { accepts } = await asked.seen();
    const values = received.values('connmeter.connection.opened', asked.port);
    const total = temporality === 'delta' ? values.reduce((sum, each) => sum + each, 0) : values.at(-1);
    expect(total).toBe(accepts);
    expect(values).toEqual(
      temporality === 'delta' ? values.map(each => Math.max(each, 0)) : values.toSorted((a, b) => a - b),
    );
  },
);
