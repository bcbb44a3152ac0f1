import { expect } from 'vitest';
import type { Readings } from '../support/instrument.ts';
import { namespace, testInNamespace } from '../support/namespace.ts';
import type { CachedClientName, CachedLookupsReport, CachedLookupsTask } from '../support/netns/cached-lookups.ts';
import type { GivenUpLookupsReport } from '../support/netns/given-up-lookups.ts';
import type { ClientName, NameLookupsReport, NameLookupsTask } from '../support/netns/name-lookups.ts';
import type { PendingLookupsReport, PendingLookupsTask } from '../support/netns/pending-lookups.ts';
import type { WithRegisterReport } from '../support/netns/with-register.ts';

const test = testInNamespace('dnsmasq');
const testWithOwnResolver = testInNamespace();

/** Names that the resolver knows. `missing.test` does not exist, and queries for any other name are refused. */
const NAMES = {
  'one.test': ['127.0.0.1'],
  'two.test': ['127.0.0.1'],
  'both.test': ['127.0.0.1', '::1'],
  'missing.test': [],
};

function lookupsByName(readings: Readings): Record<string, number> {
  const count: Record<string, number> = {};
  for (const { attributes, value } of readings.points('dns.lookup.duration')) {
    const name = String(attributes['dns.question.name']);
    count[name] = (count[name] ?? 0) + value;
  }
  return count;
}

function failuresByName(readings: Readings): Record<string, unknown> {
  const failures = readings.points('dns.lookup.duration').filter(({ attributes }) => attributes['error.type']);
  return Object.fromEntries(
    failures.map(({ attributes, value }) => [
      String(attributes['dns.question.name']),
      [attributes['error.type'], value],
    ]),
  );
}

const CONNECTING: ClientName[] = [
  'fetch',
  'undici 6',
  'undici 7',
  'undici 8',
  'node:http',
  'node:http2',
  'node:net',
  'node:net, IPv4 only',
];

test.each(CONNECTING)(
  '%s: lookups by name, successful or failed, match the queries in the resolver log',
  async client => {
    const { resolver, run } = namespace();
    const { queries } = await resolver(NAMES);
    const task: NameLookupsTask = {
      client,
      names: ['one.test', 'two.test', 'One.test', 'both.test', 'missing.test', 'missing.test', 'refused.example'],
    };

    const { readings, endings } = await run<NameLookupsReport>('name-lookups.ts', task);

    expect(endings).toEqual({
      'one.test': ['ok'],
      'two.test': ['ok'],
      'One.test': ['ok'],
      'both.test': ['ok'],
      'missing.test': ['ENOTFOUND', 'ENOTFOUND'],
      'refused.example': ['EAI_AGAIN'],
    });
    expect(queries()).toEqual({
      'one.test': 2,
      'two.test': 1,
      'both.test': 1,
      'missing.test': 2,
      'refused.example': 1,
    });
    expect(lookupsByName(readings)).toEqual(queries());
    expect(failuresByName(readings)).toEqual({ 'missing.test': ['ENOTFOUND', 2], 'refused.example': ['EAI_AGAIN', 1] });
    expect(readings.value('connmeter.connection.failed', { 'connmeter.phase': 'dns' })).toBe(3);
  },
);

const ASKING: ClientName[] = [
  'dns.lookup',
  'dns.promises.lookup',
  'dns.resolve4',
  'dns.promises.resolve4',
  'dns.promises.Resolver',
];

// A known limitation: Node publishes nothing about a lookup that fails outside a socket.
test.each(ASKING)('%s: successful lookups match the resolver log, failed ones are not counted', async client => {
  const { resolver, run } = namespace();
  const { queries } = await resolver(NAMES);
  const task: NameLookupsTask = { client, names: ['one.test', 'one.test', 'two.test', 'missing.test'] };

  const { readings, endings } = await run<NameLookupsReport>('name-lookups.ts', task);

  expect(endings).toEqual({ 'one.test': ['ok', 'ok'], 'two.test': ['ok'], 'missing.test': ['ENOTFOUND'] });
  const { 'missing.test': failed, ...found } = queries();
  expect(found).toEqual({ 'one.test': 2, 'two.test': 1 });
  expect(failed).toBe(1);
  expect(lookupsByName(readings)).toEqual(found);
});

const KEEPING: CachedClientName[] = [
  'undici 8 with a lookup that keeps answers',
  'node:http with a lookup that keeps answers',
  'node:net with a lookup that keeps answers',
  'node:net with a lookup that answers in the same turn',
];

test.each(KEEPING)('%s: a cached answer or failure counts once, however many sockets get it', async client => {
  const { resolver, run } = namespace();
  const { queries } = await resolver(NAMES);
  const task: CachedLookupsTask = { client, names: ['one.test', 'both.test', 'missing.test'], times: 5 };

  const { readings, endings, accepts } = await run<CachedLookupsReport>('cached-lookups.ts', task);

  expect(endings).toEqual({
    'one.test': Array(5).fill('ok'),
    'both.test': Array(5).fill('ok'),
    'missing.test': Array(5).fill('ENOTFOUND'),
  });
  expect(accepts).toBe(10);
  expect(queries()).toEqual({ 'one.test': 1, 'both.test': 1, 'missing.test': 1 });
  expect(lookupsByName(readings)).toEqual(queries());
  expect(failuresByName(readings)).toEqual({ 'missing.test': ['ENOTFOUND', 1] });
  expect(readings.value('connmeter.connection.failed', { 'connmeter.phase': 'dns' })).toBe(5);
});

const INTERCEPTING: CachedClientName[] = ['undici 7 with interceptors.dns', 'undici 8 with interceptors.dns'];

test.each(INTERCEPTING)('%s: only real lookups of the interceptor count', async client => {
  const { resolver, run } = namespace();
  const { queries } = await resolver(NAMES);
  const task: CachedLookupsTask = { client, names: ['one.test', 'two.test'], times: 5 };

  const { readings, endings, accepts } = await run<CachedLookupsReport>('cached-lookups.ts', task);

  expect(endings).toEqual({ 'one.test': Array(5).fill('ok'), 'two.test': Array(5).fill('ok') });
  expect(accepts).toBe(10);
  expect(queries()).toEqual({ 'one.test': 1, 'two.test': 1 });
  expect(lookupsByName(readings)).toEqual(queries());
});

test('each lookup fails and counts when the resolver is down', async () => {
  const { resolver, run } = namespace();
  const { queries, stop } = await resolver(NAMES);
  await stop();

  const task: NameLookupsTask = { client: 'node:net', names: ['one.test', 'one.test', 'two.test'] };
  const { readings, endings } = await run<NameLookupsReport>('name-lookups.ts', task);

  expect(queries()).toEqual({});
  expect(endings).toEqual({ 'one.test': ['EAI_AGAIN', 'EAI_AGAIN'], 'two.test': ['EAI_AGAIN'] });
  expect(failuresByName(readings)).toEqual({ 'one.test': ['EAI_AGAIN', 2], 'two.test': ['EAI_AGAIN', 1] });
  expect(readings.value('connmeter.dns.pending')).toBe(0);
});

test('lookups are pending until a slow resolver answers', async () => {
  const { resolver, run } = namespace({ patience: 20 });
  const { queries, pid } = await resolver(NAMES);

  const task: PendingLookupsTask = { resolver: pid, answers: true };
  const { readings, pending, endings } = await run<PendingLookupsReport>('pending-lookups.ts', task);

  expect(endings).toEqual(['ok', 'ok', 'ok', 'ok']);
  expect(pending).toEqual({ before: 0, during: 4, after: 0 });
  expect(lookupsByName(readings)).toEqual(queries());
  expect(queries()).toEqual({ 'one.test': 4 });
});

test('lookups are pending while the resolver is silent, and fail when they time out', async () => {
  const { resolver, run } = namespace({ patience: 1 });
  const { pid } = await resolver(NAMES);

  const task: PendingLookupsTask = { resolver: pid, answers: false };
  const { readings, pending, endings } = await run<PendingLookupsReport>('pending-lookups.ts', task);

  expect(endings).toEqual(['EAI_AGAIN', 'EAI_AGAIN', 'EAI_AGAIN', 'EAI_AGAIN']);
  expect(pending).toEqual({ before: 0, during: 4, after: 0 });
  expect(failuresByName(readings)).toEqual({ 'one.test': ['EAI_AGAIN', 4] });
  expect(readings.points('dns.lookup.duration')[0]?.sum).toBeGreaterThan(3.9); // four that waited a second or more
});

testWithOwnResolver(
  'lookups that clients give up count once, with the time until then, and are pending as long as they run',
  async () => {
    const { run } = namespace({ patience: 20 });

    const { readings, pending } = await run<GivenUpLookupsReport>('given-up-lookups.ts');

    expect(pending).toEqual({ givenUp: 3, own: 4, answered: 0 });
    expect(lookupsByName(readings)).toEqual({ 'one.test': 1, unknown: 1, 'three.test': 1, 'own.test': 1 });
    expect(failuresByName(readings)).toEqual({
      'one.test': ['timeout', 1],
      unknown: ['timeout', 1], // a socket shows the name only when its lookup ends
      'three.test': ['UND_ERR_CONNECT_TIMEOUT', 1],
    });
    const seconds = readings.points('dns.lookup.duration').filter(({ attributes }) => attributes['error.type']);
    expect(Math.min(...seconds.map(({ sum }) => sum))).toBeGreaterThan(0.25);
    expect(readings.value('connmeter.connection.failed', { 'connmeter.phase': 'dns' })).toBe(3);
  },
);

test('a collection right after a lookup includes it', async () => {
  const { resolver, run } = namespace();
  const { queries } = await resolver(NAMES);
  const task: NameLookupsTask = { client: 'dns.lookup', names: ['one.test'] };

  const { readings } = await run<NameLookupsReport>('name-lookups.ts', task);

  expect(queries()).toEqual({ 'one.test': 1 });
  expect(lookupsByName(readings)).toEqual(queries());
});

test('names beyond maxOrigins are counted together, and none is lost', async () => {
  const { resolver, run } = namespace();
  const { queries } = await resolver(NAMES);
  const task: NameLookupsTask = {
    client: 'node:net',
    names: ['one.test', 'two.test', 'both.test', 'missing.test', 'refused.example', 'one.test'],
    maxOrigins: 2,
  };

  const { readings } = await run<NameLookupsReport>('name-lookups.ts', task);

  expect(queries()).toEqual({ 'one.test': 2, 'two.test': 1, 'both.test': 1, 'missing.test': 1, 'refused.example': 1 });
  const names = Object.keys(lookupsByName(readings));
  // Two names with connections and one looked up only: a quarter of the places are for names without a connection.
  expect(names.toSorted()).toEqual(['_OTHER', 'both.test', 'one.test', 'two.test']);
  expect(readings.value('dns.lookup.duration')).toBe(6);
});

test('with --import register the lookups of the program are counted, and those of the metrics server are not', async () => {
  const { resolver, run } = namespace();
  const { queries } = await resolver({ ...NAMES, 'metrics.test': ['127.0.0.1'] });

  const { scrape } = await run<WithRegisterReport>('with-register.ts', undefined, {
    node: ['--import', new URL('../../src/register.ts', import.meta.url).href],
    env: { OTEL_EXPORTER_PROMETHEUS_HOST: 'metrics.test' },
  });

  const counts = scrape.matchAll(/^dns_lookup_duration_count\{dns_question_name="([^"]+)".*\} (\d+)$/gm);
  const counted = Object.fromEntries([...counts].map(([, name, value]) => [name, Number(value)]));
  expect(queries()).toEqual({ 'one.test': 3, 'missing.test': 1, 'metrics.test': 2 }); // of the latter: server, scraper
  expect(counted).toEqual({ 'one.test': 3, 'missing.test': 1 });
});

test('names from user input use no place of the names that the service connects to', async () => {
  const { resolver, run } = namespace();
  const strangers = Array.from({ length: 20 }, (_, i) => `user-${i}.test`);
  await resolver({ ...NAMES, ...Object.fromEntries(strangers.map(name => [name, ['127.0.0.1']])) });
  const task: NameLookupsTask = {
    client: 'node:net',
    names: ['one.test', 'two.test'],
    maxOrigins: 4,
    resolvedBefore: strangers,
  };

  const { readings } = await run<NameLookupsReport>('name-lookups.ts', task);

  expect(lookupsByName(readings)).toEqual({ 'user-0.test': 1, _OTHER: 19, 'one.test': 1, 'two.test': 1 });
});
