import { spawnSync } from 'node:child_process';
import type { ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { DiagLogLevel, diag } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseExposition } from '../../examples/demo/exposition.ts';
import { findingsOf } from '../../examples/demo/findings.ts';
import { intervalOf } from '../../examples/demo/interval.ts';
import { linesOf } from '../../examples/demo/table.ts';
import { describeCallSite, programFrame } from '../../src/client/attribution/call-sites.ts';
import { errorType } from '../../src/core/errors.ts';
import { ConnectionInstrumentation, type Snapshot } from '../../src/index.ts';
import { anyName, HOSTILE_NAMES, UNSAFE_CHARACTERS } from './hostile-names.ts';
import { replayConnections } from './named-connections.ts';
import { parseStrictly } from './strict-exposition.ts';

/** The longest name in DNS, and the longest label and call site. */
const LONGEST = 255;

interface Left {
  /** The scrape. */
  readonly scrape: Buffer;
  readonly snapshot: Snapshot;
  /** Messages to `diag`, with all arguments. */
  readonly warnings: readonly (readonly unknown[])[];
}

/** Everything that connections leave behind which carry these names in every place that a client can control. */
async function leftBy(names: readonly string[], places?: { path: boolean }): Promise<Left> {
  const warnings: unknown[][] = [];
  const warn = (...told: unknown[]) => void warnings.push(told);
  diag.setLogger(
    { verbose: warn, debug: () => {}, info: warn, warn, error: warn },
    { logLevel: DiagLogLevel.ALL, suppressOverrideMessage: true },
  );
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const instrumentation = new ConnectionInstrumentation({ maxOrigins: 1_000 });
  instrumentation.setMeterProvider(new MeterProvider({ readers: [exporter] }));
  try {
    for (const name of names) {
      replayConnections(name, places);
      await Promise.resolve(); // ends the turn
    }
    const scrape = await new Promise<Buffer>(resolve => {
      const response = { setHeader() {}, end: (text: string) => resolve(Buffer.from(text)) };
      exporter.getMetricsRequestHandler(undefined as never, response as unknown as ServerResponse);
    });
    return { scrape, snapshot: instrumentation.connections.snapshot(), warnings };
  } finally {
    instrumentation.disable();
    diag.disable();
  }
}

/** Every string in a value, including keys. */
function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => [key, ...stringsIn(each)]);
}

const isBad = (text: string) => text.length > LONGEST || UNSAFE_CHARACTERS.test(text);

/** Fails with the seed and the shortest failing names. */
function forAnyNames(judge: (left: Left) => void): Promise<void> {
  return fc.assert(
    fc.asyncProperty(fc.array(anyName, { minLength: 1, maxLength: 12 }), async names => judge(await leftBy(names))),
    { numRuns: 40 },
  );
}

test('with any names the scrape is valid, has no duplicate series, and no long label or terminal control character', async () => {
  await forAnyNames(({ scrape }) => {
    const series = parseStrictly(scrape);

    expect(series.length).toBeGreaterThan(20);
    expect(series.flatMap(({ labels }) => [...labels.values()]).filter(isBad)).toEqual([]);
  });
});

test('promtool reads a scrape with all hostile names and 500 random ones', async () => {
  const names = [...HOSTILE_NAMES, ...fc.sample(anyName, 500)];
  const { scrape } = await leftBy(names);

  const { error, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: scrape, encoding: 'utf8' });

  expect(error).toBeUndefined();
  expect(stderr).not.toMatch(/parsing error|error while/); // other lines are suggestions about metric names
  expect(parseStrictly(scrape).length).toBeGreaterThan(1_000);
});

test('a snapshot has no long text and no terminal control character', async () => {
  await forAnyNames(({ snapshot }) => {
    expect(snapshot.closed.length).toBeGreaterThan(0);
    expect(snapshot.live.length).toBeGreaterThan(0);
    expect(stringsIn(snapshot).filter(isBad)).toEqual([]);
  });
});

test('a warning is one line without terminal control characters; only a fault has stack frames', async () => {
  let heard = 0;
  await forAnyNames(({ warnings }) => {
    heard += warnings.length;
    for (const [line, ...more] of warnings) {
      expect(line).toMatch(/^connmeter: /);
      expect(String(line)).not.toMatch(UNSAFE_CHARACTERS);
      expect(String(line).length).toBeLessThan(1_000);
      expect(more.every(each => typeof each === 'string')).toBe(true); // an error object could leak its properties
      expect(more.join('').replaceAll('\n', ' ')).not.toMatch(UNSAFE_CHARACTERS);
    }
  });
  expect(heard).toBeGreaterThan(0);
});

test('the table of the demo has one line per origin, with any names', async () => {
  await forAnyNames(({ scrape, snapshot }) => {
    const { rows, lookups } = intervalOf([], parseExposition(scrape.toString()), 1);

    const lines = linesOf({ rows, lookups }, new Map(), findingsOf(snapshot), false);

    expect(lines.filter(line => UNSAFE_CHARACTERS.test(line))).toEqual([]);
  });
});

test('an error.type is a word of at most 64 characters, whatever the error contains', () => {
  fc.assert(
    fc.property(
      fc.record({ code: fc.oneof(anyName, fc.anything()), name: fc.oneof(anyName, fc.anything()) }),
      error => {
        expect(errorType(error)).toMatch(/^\w{1,64}$/);
      },
    ),
  );
});

test('a call site is short and printable, whatever the name of the script', () => {
  const script = fc
    .tuple(fc.constantFrom('', '/', 'file:///', 'webpack://', 'data:text/javascript,', 'https://', './'), anyName)
    .map(([scheme, name]) => scheme + name)
    .filter(name => !name.startsWith('file:') || URL.canParse(name));
  fc.assert(
    fc.property(script, scriptName => {
      const site = siteOf(scriptName);
      expect(site === undefined || !isBad(site.replace(/:7$/, ''))).toBe(true);
    }),
    { numRuns: 500 },
  );
});

/** The call site of a script with this name; undefined also if this throws, which the guard would catch. */
function siteOf(scriptName: string): string | undefined {
  try {
    return programFrame([{ scriptName, lineNumber: 7 }]);
  } catch {
    return undefined;
  }
}

test.each([
  ['a module that is its own text', 'data:text/javascript,const%20key%3D%22hunter2%22', undefined],
  ['a module from the network', 'https://user:hunter2@modules.test/x.mjs?token=hunter2', undefined],
  ['a blob', 'blob:nodedata:hunter2', undefined],
  [
    'userinfo and query of a bundler',
    'webpack://user:hunter2@app/src/pay.ts?hunter2#hunter2',
    'webpack://app/src/pay.ts:7',
  ],
  ['the query of a file', 'file:///srv/app/pay.mjs?token=hunter2#hunter2', '/srv/app/pay.mjs:7'],
])('no call site shows %s', (_what, scriptName, site) => {
  expect(programFrame([{ scriptName, lineNumber: 7 }])).toBe(site);
});

test.each([
  ['a URL where a host belongs', 'redis://:hunter2@redis.test:6379'],
  ['userinfo', 'admin:hunter2@db.test'],
  ['a path and a query', 'api.test/v1?key=hunter2'],
  ['a connection string', 'Host=db.test;Password=hunter2'],
])('%s is no name: it is nowhere', async (_what, name) => {
  const { scrape, snapshot, warnings } = await leftBy([name], { path: false });

  expect(parseStrictly(scrape).some(({ labels }) => labels.get('server_address') === 'unknown')).toBe(true);
  expect(`${scrape} ${inspect(snapshot, { depth: null })} ${inspect(warnings, { depth: null })}`).not.toMatch(
    /hunter2/i,
  );
});

test('valid names are unchanged', async () => {
  const names = [
    'a.test',
    'sub_domain.a-b.test',
    'xn--e1afmkfd.test',
    '127.0.0.1',
    '::1',
    'fe80::1%eth0',
    'bücher.test',
  ];

  const { scrape } = await leftBy(names);

  const addresses = new Set(parseStrictly(scrape).map(({ labels }) => labels.get('server_address')));
  for (const name of names) expect(addresses).toContain(name);
});

test('a warning about a call site is one line', () => {
  const line = describeCallSite({ problem: 'new_pool', address: 'a.test', port: 80, site: 'a.ts:1', count: 1 }) ?? '';

  expect(line.split('\n')).toHaveLength(1);
});
