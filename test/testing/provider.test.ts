import http from 'node:http';
import { metrics } from '@opentelemetry/api';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { expect, onTestFinished, test } from 'vitest';
import { ConnectionInstrumentation } from '../../src/index.ts';
import { watchConnections } from '../../src/testing.ts';
import { ManualReader } from '../support/manual-reader.ts';
import { server } from '../support/server.ts';

test('with a MeterProvider of the program, nothing counts twice', async () => {
  const { port } = await server({ kind: 'http' });
  const reader = new ManualReader();
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  const ask = () =>
    new Promise(resolve => {
      const agent = new http.Agent();
      http.get(`http://127.0.0.1:${port}`, { agent }, response => response.resume().on('close', resolve));
    });
  const scopes = async () => (await reader.collect()).resourceMetrics.scopeMetrics.map(({ scope }) => scope.name);

  const alone = await watchConnections(ask);

  expect(alone.origins).toMatchObject([{ opened: [{ count: 1 }] }]);
  expect(await scopes()).toEqual([]);

  const instrumentation = new ConnectionInstrumentation();
  onTestFinished(() => instrumentation.disable());
  const beside = await watchConnections(ask);

  expect(beside.origins).toMatchObject([{ opened: [{ count: 1 }] }]);
  expect(await scopes()).toEqual(['connmeter']);
  expect(instrumentation.connections.snapshot().origins).toMatchObject([{ port, opened: [{ count: 1 }] }]);
});
