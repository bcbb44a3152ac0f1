import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test as anywhere, describe, expect } from 'vitest';
import { parse, stringify } from 'yaml';
import { parseExposition } from '../../examples/demo/exposition.ts';
import { readPorts } from '../../src/metrics/read-ports.ts';
import { namespace, testInNamespace } from '../support/namespace.ts';
import type { ExhaustionReport, ExhaustionTask } from '../support/netns/exhaustion.ts';
import { type InputSeries, inputSeries } from '../support/promtool-series.ts';

const test = testInNamespace();

/** Series in the format of `promtool test rules`, for the rules tests. RECORD=true rewrites them. */
const RECORDINGS = join(import.meta.dirname, '../support/recordings');
const WANTED =
  /^connmeter_(ports_\w+|connection_(opened|failed|closed)_total|requests_total|server_connection_accepted_total)$/;

const TASK: Omit<ExhaustionTask, 'cured'> = { rounds: 30, perRound: 10, firstPort: 40_000, lastPort: 40_199 };

async function exhausting(cured: boolean) {
  const { run } = namespace();
  const { scrapes, listed, endings } = await run<ExhaustionReport>('exhaustion.ts', { ...TASK, cured });
  const each = (name: string, labels: Record<string, string> = {}) =>
    scrapes.map(text =>
      parseExposition(text)
        .filter(sample => sample.name === name)
        .filter(sample => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
        .reduce((sum, { value }) => sum + value, 0),
    );
  return { scrapes, listed, endings, each };
}

/** Records the series of a real port exhaustion for the tests of the alerts. */
function record(name: string, scrapes: readonly string[]): void {
  if (process.env['RECORD'] !== 'true') return;

  mkdirSync(RECORDINGS, { recursive: true });
  const input_series = inputSeries(scrapes, metric => WANTED.test(metric));
  writeFileSync(join(RECORDINGS, `${name}.yaml`), stringify({ interval: '15s', input_series }, { lineWidth: 0 }));
}

test('a client per request runs out of ports, and the metrics show it before the first failure', async () => {
  const { scrapes, listed, endings, each } = await exhausting(false);

  const timeWait = each('connmeter_ports_time_wait');
  expect(timeWait).toEqual(listed);
  expect(new Set(each('connmeter_ports_ephemeral'))).toEqual(new Set([200]));
  expect(timeWait.at(-1)).toBe(200);
  expect(endings).toEqual({ ok: 200, EADDRNOTAVAIL: 100 });

  const failed = each('connmeter_connection_failed_total', { error_type: 'EADDRNOTAVAIL', connmeter_phase: 'connect' });
  expect(failed.at(-1)).toBe(100);
  expect(each('connmeter_connection_opened_total').at(-1)).toBe(200);
  expect(each('connmeter_server_connection_accepted_total').at(-1)).toBe(200);

  // 90 % of the ports are in use several scrapes before the first failure.
  const warned = timeWait.findIndex(sockets => sockets >= 180);
  const firstFailure = failed.findIndex(count => count > 0);
  expect(firstFailure - warned).toBeGreaterThanOrEqual(2);
  record('port-exhaustion', scrapes);
});

test('the fixed program uses a constant number of ports', async () => {
  const { scrapes, listed, endings, each } = await exhausting(true);

  expect(endings).toEqual({ ok: 300 });
  expect(each('connmeter_ports_time_wait')).toEqual(listed);
  expect(Math.max(...listed)).toBe(0);
  expect(each('connmeter_connection_opened_total').at(-1)).toBe(1);
  expect(each('connmeter_connection_failed_total', { error_type: 'EADDRNOTAVAIL' }).at(-1)).toBe(0);
  // The listener, and both ends of the one connection.
  expect(each('connmeter_ports_in_use').at(-1)).toBe(3);
  record('port-exhaustion-cured', scrapes);
});

describe('the recordings', () => {
  anywhere.each(['port-exhaustion', 'port-exhaustion-cured'])('%s: every series has a value for every scrape', name => {
    const { interval, input_series } = parse(readFileSync(join(RECORDINGS, `${name}.yaml`), 'utf8')) as {
      interval: string;
      input_series: InputSeries[];
    };

    expect(interval).toBe('15s');
    expect(input_series.map(({ series }) => series)).toEqual(
      expect.arrayContaining(['connmeter_ports_time_wait{}', 'connmeter_ports_ephemeral{}']),
    );
    for (const { values } of input_series) expect(values.split(' ')).toHaveLength(TASK.rounds + 1);
  });
});

anywhere.runIf(process.platform === 'linux')('what this host says of its ports is read', () => {
  const { range, inUse, timeWait } = readPorts() ?? {};

  expect(range).toBeGreaterThan(0);
  expect(inUse).toBeGreaterThanOrEqual(0);
  expect(timeWait).toBeGreaterThanOrEqual(0);
});
