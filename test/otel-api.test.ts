import { createRequire } from 'node:module';
import * as imported from '@opentelemetry/api';
import { expect, test } from 'vitest';
import { apiIfUsed, isNoop } from '../src/otel-api.ts';

const required = createRequire(import.meta.url)('@opentelemetry/api') as typeof imported;

test('the API is loaded when the program has registered something with it', () => {
  expect(apiIfUsed()).toBeUndefined();

  const provider = { getMeter: imported.createNoopMeter };
  imported.metrics.setGlobalMeterProvider(provider);

  expect(apiIfUsed()?.metrics.getMeterProvider()).toBe(provider);
});

test('the no-op meters of all copies of the API are recognised', () => {
  expect(required.createNoopMeter()).not.toBe(imported.createNoopMeter());
  expect([imported, required].map(api => isNoop(api.createNoopMeter()))).toEqual([true, true]);
});

test('a no-op meter is recognised although a bundler renamed its class', () => {
  const meter = (apiIfUsed() as typeof imported).createNoopMeter();
  const { name } = meter.constructor;
  Object.defineProperty(meter.constructor, 'name', { value: 'a' });

  const recognised = isNoop(meter);
  Object.defineProperty(meter.constructor, 'name', { value: name });
  expect(recognised).toBe(true);
});
