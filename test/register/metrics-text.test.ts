import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { expect, test } from 'vitest';
import { readAll } from '../../src/metrics/table.ts';
import { MetricsText } from '../../src/register/metrics-text.ts';
import { bothOutlets, FILLED, fill } from '../support/both-outlets.ts';
import { piecesOf } from '../support/written-text.ts';

const HOSTILE = ['a.test', 'a"b', 'a\\b', 'a\nb', '{x="y"} 1', 'ünï', '\u2028', '', '$&', 'a\\\\"\n"b', '%s%n'];
const VERSION = '1.2"3\\';
const RESOURCE = {
  'service.name': 'pay "me"\n',
  'telemetry.sdk.version': '3',
  list: ['a', '"b'],
  number: 4,
  yes: true,
};

const written = (text: MetricsText, registry: Parameters<typeof readAll>[0]) =>
  piecesOf(out => text.write(out, readAll(registry), RESOURCE));

test("the text is the same, byte for byte, as that of OpenTelemetry's serializer", async () => {
  const outlets = bothOutlets(VERSION);
  fill(outlets, HOSTILE);
  const { scopeMetrics } = await outlets.collect();
  const resource = resourceFromAttributes(RESOURCE);
  const theirs = new PrometheusSerializer().serialize({ resource, scopeMetrics });

  const text = new MetricsText({ name: 'connmeter', version: VERSION });
  const ours = written(text, outlets.registry).join('');

  expect(scopeMetrics[0]?.metrics.map(({ descriptor }) => descriptor.name).toSorted()).toEqual(FILLED.toSorted());
  expect(ours).toBe(theirs);
  expect(written(text, outlets.registry).join('')).toBe(theirs); // with the labels that it has kept
});

test('so is a text without metrics', () => {
  const resource = resourceFromAttributes(RESOURCE);
  const text = new MetricsText({ name: 'connmeter', version: VERSION });

  expect(piecesOf(out => text.write(out, [], RESOURCE)).join('')).toBe(
    new PrometheusSerializer().serialize({ resource, scopeMetrics: [] }),
  );
});

test('a long text comes in pieces of 120 kB', () => {
  const outlets = bothOutlets('1');
  fill(
    outlets,
    Array.from({ length: 100 }, (_, index) => `host${index}.test`),
  );
  const pieces = written(new MetricsText({ name: 'connmeter', version: '1' }), outlets.registry);

  expect(pieces.length).toBeGreaterThan(5);
  for (const piece of pieces) expect(piece.length).toBeLessThan(125_000);
});
