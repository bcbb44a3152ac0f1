import { readdirSync } from 'node:fs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { appliesTo, CLIENTS, type ClientName, run, type Scenario } from '../../examples/scenarios/scenario.ts';
import type { OpenCause } from '../../src/core/causes.ts';
import type { Phase } from '../../src/core/errors.ts';
import type { CloseReason } from '../../src/core/reasons.ts';
import { certificate } from '../support/certificates.ts';
import { instrument, type Readings } from '../support/instrument.ts';
import { type Seen, server } from '../support/server.ts';

// The expected connections of each scenario in examples/scenarios: their number, open causes and close reasons. Each test
// runs one row against a server in its own process, which counts, too, and then drops the connections that are left:
// the `server_idle_close` at the end of most rows.

/** A number, or a range if it varies: `why` says what it depends on. */
type Count = number | readonly [least: number, most: number];
type Opened = Partial<Record<Exclude<OpenCause, 'replaced'> | `replaced ${CloseReason}`, Count>>;
type Closed = Partial<Record<CloseReason, Count>>;
type Failed = Partial<Record<`${Phase} ${string}`, Count>>;

interface Outcome {
  readonly accepts: Count;
  readonly requests: Count;
  readonly opened: Opened;
  readonly closed: Closed;
  readonly failed?: Failed;
}

/** A client, or the built-in one of one Node version. */
type Who = ClientName | 'fetch on 22' | 'fetch on 24' | 'fetch on 26';

interface Row {
  readonly of: readonly Who[];
  readonly wasteful?: Outcome;
  readonly fixed?: Outcome;
  readonly why?: string;
}

const NODE = process.versions.node.split('.')[0];
const UNDICI = ['fetch', 'undici6', 'undici7', 'undici8'] as const;
const NPM_UNDICI = ['undici6', 'undici7', 'undici8'] as const;

/** One connection for all requests, or two with undici if it frees the first one a moment too late. */
function shared(requests: number): Outcome {
  return {
    accepts: [1, 2],
    requests,
    opened: { first: 1, release_race: [0, 1] },
    closed: { server_idle_close: [1, 2] },
  };
}

function one(requests: number): Outcome {
  return { accepts: 1, requests, opened: { first: 1 }, closed: { server_idle_close: 1 } };
}

/** Each connection replaces the previous one, which was closed for this reason; by default, after one request. */
function eachClosed(connections: number, reason: CloseReason, requests = connections): Outcome {
  return {
    accepts: connections,
    requests,
    opened: { first: 1, [`replaced ${reason}`]: connections - 1 },
    closed: { [reason]: connections },
  };
}

/** All connections are needed at the same time. */
function busy(connections: number, requests: number): Outcome {
  return {
    accepts: connections,
    requests,
    opened: { first: 1, pool_busy: connections - 1 },
    closed: { server_idle_close: connections },
  };
}

function refused(phase: `${Phase} ${string}`, accepts: number): Outcome {
  return { accepts, requests: 0, opened: {}, closed: {}, failed: { [phase]: 10 } };
}

const EXTRA =
  'Where a request is given up, undici 6 and 7, and 8 before 8.12, open a connection for nobody (undici#5845); whether the ' +
  'next request finds it in time is a race, and undici 7 closes it again.';

const TABLE: Readonly<Record<string, readonly Row[]>> = {
  'unread-body': [
    {
      of: ['fetch on 24', 'fetch on 26', 'undici6', 'undici7'],
      wasteful: {
        accepts: 20,
        requests: 10,
        opened: { first: 1, body_held: [5, 9], pool_busy: [0, 4], 'replaced body_cancelled': 10 },
        closed: { body_cancelled: 10, server_idle_close: [0, 10], client_shutdown: [0, 10] },
      },
      why: `A body is seen as held once some of it lies unread; the next request may come sooner. The test gives all bodies up at the end. ${EXTRA}`,
    },
    {
      of: ['fetch on 22', 'undici8', 'http'],
      wasteful: {
        accepts: 10,
        requests: 10,
        opened: { first: 1, body_held: [5, 9], pool_busy: [0, 4] },
        closed: { body_cancelled: 10 },
      },
      why: 'As above, but nothing is opened in the place of a connection given up.',
    },
    { of: UNDICI, fixed: shared(10) },
    { of: ['http'], fixed: one(10) },
  ],
  'cancelled-body': [
    {
      of: ['fetch on 22', 'undici8', 'http'],
      wasteful: eachClosed(10, 'body_cancelled'),
    },
    {
      of: ['fetch on 24', 'fetch on 26', 'undici6', 'undici7'],
      wasteful: {
        accepts: [11, 20],
        requests: 10,
        opened: {
          first: 1,
          pool_busy: [0, 2],
          'replaced body_cancelled': [9, 19],
          'replaced client_shutdown': [0, 2],
        },
        closed: { body_cancelled: 10, server_idle_close: [0, 10], client_shutdown: [0, 10] },
      },
      why: `${EXTRA} With a pause between the calls, 50 of them open 51, 100 and 52 connections on Node 22, 24 and 26.`,
    },
    { of: UNDICI, fixed: shared(10) },
    { of: ['http'], fixed: one(10) },
  ],
  'aborted-before-answer': [
    {
      of: ['fetch on 22', 'undici8', 'http'],
      wasteful: eachClosed(10, 'request_aborted'),
    },
    {
      of: ['fetch on 24', 'fetch on 26', 'undici6', 'undici7'],
      wasteful: {
        accepts: [11, 20],
        requests: 10,
        opened: {
          first: 1,
          pool_busy: [0, 2],
          'replaced request_aborted': [9, 19],
          'replaced client_shutdown': [0, 2],
        },
        closed: { request_aborted: 10, server_idle_close: [0, 10], client_shutdown: [0, 10] },
      },
      why: EXTRA,
    },
    { of: UNDICI, fixed: shared(10) },
    { of: ['http'], fixed: one(10) },
  ],
  'client-per-request': [
    {
      of: NPM_UNDICI,
      wasteful: {
        accepts: 10,
        requests: 10,
        opened: { first: 1, new_pool: [6, 9], release_race: [0, 3] },
        closed: { server_idle_close: 10 },
      },
      fixed: shared(10),
      why: 'undici does not show whose a connection is: until an earlier one has been free for 20 ms, it looks like a race.',
    },
    {
      of: ['http'],
      wasteful: {
        accepts: 10,
        requests: 10,
        opened: { first: 1, new_pool: 9 },
        closed: { server_idle_close: 10 },
      },
      fixed: one(10),
    },
  ],
  'keep-alive-off': [
    { of: CLIENTS, wasteful: eachClosed(10, 'keep_alive_off') },
    { of: UNDICI, fixed: shared(10) },
    { of: ['http'], fixed: one(10) },
  ],
  'close-header': [
    { of: CLIENTS, wasteful: eachClosed(10, 'server_close_header') },
    { of: UNDICI, fixed: shared(10) },
    { of: ['http'], fixed: one(10) },
  ],
  'http10-server': [
    { of: CLIENTS, wasteful: eachClosed(10, 'server_close_header') },
    { of: UNDICI, fixed: shared(10) },
    { of: ['http'], fixed: one(10) },
  ],
  'short-keep-alive': [
    { of: CLIENTS, wasteful: eachClosed(10, 'keep_alive_hint_too_short') },
    { of: UNDICI, fixed: shared(10) },
    { of: ['http'], fixed: one(10) },
  ],
  'idle-closed-by-server': [{ of: CLIENTS, wasteful: eachClosed(3, 'server_idle_close'), fixed: one(3) }],
  'reset-on-reuse': [
    {
      of: UNDICI,
      wasteful: {
        accepts: 6,
        requests: 10,
        opened: { first: 1, release_race: [1, 4], 'replaced server_closed_active': [1, 4] },
        closed: { server_closed_active: 4, server_idle_close: 2 },
      },
      fixed: {
        accepts: 10,
        requests: 19,
        opened: { first: 1, release_race: [1, 6], 'replaced server_closed_active': [3, 8] },
        closed: { server_closed_active: 9, server_idle_close: 1 },
      },
      why: 'The release race gives undici two connections to lose by turns; where it opens one anew though the other is idle, that is a race again.',
    },
    {
      of: ['http'],
      wasteful: eachClosed(5, 'server_closed_active', 10),
      fixed: {
        accepts: 10,
        requests: 19,
        opened: { first: 1, 'replaced server_closed_active': 9 },
        closed: { server_closed_active: 9, server_idle_close: 1 },
      },
    },
  ],
  head: [
    { of: CLIENTS, wasteful: eachClosed(10, 'not_reusable_method') },
    { of: UNDICI, fixed: shared(10) },
    { of: ['http'], fixed: one(10) },
  ],
  'max-requests-per-client': [
    {
      of: ['undici6'],
      wasteful: {
        accepts: [4, 6],
        requests: 10,
        opened: { first: 1, release_race: [1, 4], 'replaced max_requests': [1, 4] },
        closed: { max_requests: [2, 5], server_idle_close: [0, 2] },
      },
      why: 'undici 6 lets one request more through than it is told. Two connections take turns, by the release race.',
    },
    {
      of: ['undici7'],
      wasteful: {
        accepts: [5, 6],
        requests: 10,
        opened: {
          first: 1,
          new_pool: [0, 2],
          release_race: [1, 4],
          'replaced max_requests': [1, 4],
          'replaced client_shutdown': [0, 2],
        },
        closed: { max_requests: [2, 5], client_shutdown: [0, 4], server_idle_close: [0, 2] },
      },
      why: 'The agent of undici 7 drops a pool, and closes what is idle in it, when it loses a connection: to the next one that looks like a client per request.',
    },
    {
      of: ['undici8'],
      wasteful: {
        accepts: [5, 6],
        requests: 10,
        opened: { first: 1, release_race: [1, 4], 'replaced max_requests': [1, 4] },
        closed: { max_requests: [3, 5], server_idle_close: [0, 2] },
      },
      why: 'Two connections take turns, by the release race.',
    },
    { of: NPM_UNDICI, fixed: shared(10) },
  ],
  'max-free-sockets': [
    {
      of: ['http'],
      wasteful: {
        accepts: 17,
        requests: 20,
        opened: { first: 1, pool_busy: 4, 'replaced pool_full': 12 },
        closed: { pool_full: 16, server_idle_close: 1 },
      },
      fixed: busy(5, 20),
    },
  ],
  burst: [
    {
      of: CLIENTS,
      wasteful: {
        accepts: [10, 40],
        requests: 40,
        opened: { first: 1, pool_busy: [8, 39], release_race: [0, 5] },
        closed: { server_idle_close: [10, 40] },
      },
      why: 'A timer of one millisecond comes late on a busy machine; requests after the first 50 ms find idle connections.',
    },
    { of: [...NPM_UNDICI, 'http'], fixed: busy(10, 40) },
  ],
  'ten-parallel': [
    {
      of: UNDICI,
      fixed: {
        accepts: [10, 20],
        requests: 50,
        opened: { first: 1, pool_busy: [9, 10], release_race: [0, 10] },
        closed: { server_idle_close: [10, 20] },
      },
      why: 'undici frees a connection a moment late, so that each of the ten may open a second one: the release race.',
    },
    { of: ['http'], fixed: busy(10, 50) },
  ],
  sequential: [
    { of: UNDICI, fixed: shared(30) },
    { of: ['http'], fixed: one(30) },
  ],
  'http2-stampede': [
    {
      of: ['fetch on 26', 'undici6', 'undici7'],
      wasteful: busy(20, 40),
      why: 'Built into Node 26 is undici 8.10.',
    },
    { of: ['undici8'], wasteful: one(40), why: 'undici 8.12 waits for the first connection before it opens another.' },
    { of: ['undici7', 'undici8'], fixed: one(40), why: 'undici 6 itself fails with many requests at once on HTTP/2.' },
  ],
  'http2-goaway': [{ of: ['fetch on 26', ...NPM_UNDICI], wasteful: eachClosed(10, 'goaway'), fixed: one(10) }],
  websocket: [
    { of: CLIENTS, wasteful: eachClosed(10, 'upgraded') },
    { of: UNDICI, fixed: eachClosed(1, 'upgraded') },
  ],
  'proxy-tunnel': [
    {
      of: NPM_UNDICI,
      wasteful: {
        accepts: 20,
        requests: 20,
        opened: { first: 1, new_pool: [6, 9], release_race: [0, 3] },
        closed: { server_idle_close: 10 },
      },
      fixed: {
        accepts: [2, 4],
        requests: [11, 12],
        opened: { first: 1, release_race: [0, 1] },
        closed: { server_idle_close: [1, 2] },
      },
      why: 'Half of what the server accepts comes from itself: it is the proxy and the target. CONNECT is a request too.',
    },
  ],
  'connect-refused': [
    { of: CLIENTS, wasteful: refused('connect ECONNREFUSED', 0) },
    { of: UNDICI, fixed: shared(10) },
    { of: ['http'], fixed: one(10) },
  ],
  'name-not-found': [
    { of: CLIENTS, wasteful: refused('dns ENOTFOUND', 0) },
    { of: UNDICI, fixed: shared(10) },
    { of: ['http'], fixed: one(10) },
  ],
  'tls-failure': [
    { of: CLIENTS, wasteful: refused('tls DEPTH_ZERO_SELF_SIGNED_CERT', 10) },
    { of: NPM_UNDICI, fixed: shared(10) },
    { of: ['http'], fixed: one(10) },
  ],
  'headers-timeout': [
    { of: [...NPM_UNDICI, 'http'], wasteful: eachClosed(2, 'request_timeout') },
    { of: NPM_UNDICI, fixed: shared(2) },
    { of: ['http'], fixed: one(2) },
  ],
  'dispatcher-destroyed': [
    {
      of: NPM_UNDICI,
      wasteful: {
        accepts: 10,
        requests: 10,
        opened: { first: 1, new_pool: 9 },
        closed: { client_shutdown: 10 },
      },
      fixed: shared(10),
    },
    {
      of: ['http'],
      wasteful: {
        accepts: 10,
        requests: 10,
        opened: { first: 1, new_pool: 9 },
        closed: { server_idle_close: 10 },
      },
      fixed: one(10),
      why: 'Node does not tell whether an idle connection of an http.Agent was closed by the server or by Agent.destroy().',
    },
  ],
  crawler: [
    {
      of: [...NPM_UNDICI, 'http'],
      wasteful: {
        accepts: 1_000,
        requests: 1_000,
        opened: { first: 500, 'replaced keep_alive_off': 500 },
        closed: { keep_alive_off: 1_000 },
      },
      fixed: {
        accepts: 500,
        requests: 1_000,
        opened: { first: 500 },
        closed: { server_idle_close: 500 },
      },
    },
  ],
};

/** Connections whose cause or reason may be `unknown`, and why. */
const UNKNOWN: Readonly<Record<string, string>> = {};

const FOLDER = new URL('../../examples/scenarios/', import.meta.url);
const NOT_SCENARIOS = ['basic.ts', 'run.ts', 'scenario.ts'];
const own = await certificate();
const NOTHING_SEEN: Seen = { accepts: 0, secured: 0, resumed: 0, requests: 0, open: 0, connects: 0 };
const NOTHING_OPEN = { atServer: 0, attempted: 0, notClosed: 0, open: 0, requests: 0, held: 0, lookups: 0 };
/** Before Node 26, fetch supports HTTP/1.1 only. */
const FETCH_OVER_2 = ['http2-stampede wasteful fetch', 'http2-goaway wasteful fetch', 'http2-goaway fixed fetch'];

const scenarios = new Map<string, Scenario>();
for (const file of readdirSync(FOLDER).filter(each => !NOT_SCENARIOS.includes(each))) {
  const { scenario } = (await import(new URL(file, FOLDER).href)) as { scenario: Scenario };
  scenarios.set(file.replace('.ts', ''), scenario);
}

const cases = Object.entries(TABLE).flatMap(([name, rows]) =>
  rows.flatMap(row =>
    (['wasteful', 'fixed'] as const).flatMap(kind => {
      const expected = row[kind];
      const variant = scenarios.get(name)?.[kind];
      if (expected === undefined || variant === undefined) return [];
      return row.of.filter(isHere).map(who => ({ name, kind, client: clientOf(who), variant, expected, why: row.why }));
    }),
  ),
);

function clientOf(who: Who): ClientName {
  return who.startsWith('fetch') ? 'fetch' : (who as ClientName);
}

function isHere(who: Who): boolean {
  const line = / on (\d+)$/.exec(who)?.[1];
  return line === undefined || line === NODE;
}

test('the table has each scenario once, in each form and for each of its clients', () => {
  const written = [...scenarios].flatMap(([name, scenario]) =>
    (['wasteful', 'fixed'] as const).flatMap(kind =>
      CLIENTS.filter(client => appliesTo(scenario[kind] ?? {}, client)).map(client => `${name} ${kind} ${client}`),
    ),
  );
  const said = cases.map(({ name, kind, client }) => `${name} ${kind} ${client}`);

  const silent = ['http2-stampede fixed undici6', ...(NODE === '26' ? [] : FETCH_OVER_2)];
  expect(said.toSorted()).toEqual(written.filter(each => !silent.includes(each)).toSorted());
});

/** Totals of the whole suite, for its last test. */
const all = { opened: 0, unknown: [] as string[] };

describe.each(cases)('$name, $kind, $client', ({ name, kind, client, variant, expected, why }) => {
  test(why === undefined ? 'matches the table' : `matches the table: ${why}`, async () => {
    trustAll(client === 'fetch' && variant.server?.kind === 'http2');
    const { port, seen, drop, stop } = await server({ kind: 'http', ...variant.server, certificate: own });
    if (variant.serverStopped) await stop();
    const { read, instrumentation } = instrument({ callSites: false });

    const cleanup = await run(variant, client, port, own.cert);
    onTestFinished(cleanup.destroy);
    await cleanup.cancelBodies();
    const left = async () => {
      const { open } = variant.serverStopped ? NOTHING_SEEN : await drop(); // repeated, because undici replaces some
      const attempted = instrumentation.connections.snapshot().live.length; // not closed yet
      return { ...openOf(await read()), atServer: open, attempted };
    };
    await expect.poll(left, { timeout: 10_000, interval: 20 }).toEqual(NOTHING_OPEN);

    const truth = variant.serverStopped ? NOTHING_SEEN : await seen();
    const readings = await read();
    const outcome = outcomeOf(readings, truth);
    expect(outsideOf(expected, outcome), JSON.stringify(outcome)).toEqual([]);
    const { opened, closed, failedInTls } = totalsOf(outcome);
    expect(opened).toBe(truth.accepts - truth.connects - failedInTls); // without the server's own connections as a proxy
    expect(closed).toBe(opened);
    expect(readings.value('connmeter.requests')).toBe(truth.requests + truth.connects);

    all.opened += opened;
    const unknown = readings.points('connmeter.connection.opened', { 'connmeter.open.cause': 'unknown' });
    const closedUnknown = readings.points('connmeter.connection.closed', { 'connmeter.close.reason': 'unknown' });
    for (const { value } of [...unknown, ...closedUnknown]) {
      if (value > 0) all.unknown.push(...Array.from({ length: value }, () => `${name} ${kind} ${client}`));
    }
  });
});

test('fewer than 1 % of all connections have an unknown cause or reason, and each is listed', () => {
  expect(all.opened).toBeGreaterThan(0);
  expect(all.unknown.length / all.opened).toBeLessThan(0.01);
  expect(all.unknown.filter(each => UNKNOWN[each] === undefined)).toEqual([]);
});

/** For fetch, which has no option for certificates: Node reads this variable at each handshake. */
function trustAll(yes: boolean): void {
  if (!yes) return;

  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  onTestFinished(() => void vi.unstubAllEnvs());
}

function openOf(readings: Readings) {
  return {
    notClosed: readings.value('connmeter.connection.opened') - readings.value('connmeter.connection.closed'),
    open: readings.value('http.client.open_connections'),
    requests: readings.value('http.client.active_requests'),
    held: readings.value('connmeter.body.held'),
    lookups: readings.value('connmeter.dns.pending'),
  };
}

/** What happened, in the format of the table. */
function outcomeOf(readings: Readings, { accepts, requests, connects }: Seen) {
  const by = (metric: string, ...labels: string[]) => {
    const counts: Record<string, number> = {};
    for (const { attributes, value } of readings.points(metric).filter(point => point.value > 0)) {
      const key = labels.map(label => attributes[label]).filter(label => label !== undefined);
      counts[key.join(' ')] = (counts[key.join(' ')] ?? 0) + value;
    }
    return counts;
  };
  return {
    accepts,
    requests: requests + connects,
    opened: by('connmeter.connection.opened', 'connmeter.open.cause', 'connmeter.close.reason'),
    closed: by('connmeter.connection.closed', 'connmeter.close.reason'),
    failed: by('connmeter.connection.failed', 'connmeter.phase', 'error.type'),
  };
}

type Measured = ReturnType<typeof outcomeOf>;

function totalsOf({ opened, closed, failed }: Measured) {
  const sum = (counts: Record<string, number>) => Object.values(counts).reduce((total, count) => total + count, 0);
  const inTls = Object.entries(failed).filter(([kind]) => kind.startsWith('tls '));
  return { opened: sum(opened), closed: sum(closed), failedInTls: sum(Object.fromEntries(inTls)) };
}

/** Differences between what happened and the table. */
function outsideOf(expected: Outcome, measured: Measured): string[] {
  const flat = ({ accepts, requests, opened, closed, failed }: Outcome): Record<string, Count> => ({
    accepts,
    requests,
    ...prefixed('opened', opened),
    ...prefixed('closed', closed),
    ...prefixed('failed', failed ?? {}),
  });
  const [want, have] = [flat(expected), flat(measured as Outcome)];
  return [...new Set([...Object.keys(want), ...Object.keys(have)])].flatMap(key => {
    const { [key]: range = 0 } = want;
    const { [key]: count = 0 } = have as Record<string, number>;
    const [least, most] = typeof range === 'number' ? [range, range] : range;
    return count >= least && count <= most
      ? []
      : [`${key}: ${count}, wanted ${least === most ? least : `${least} to ${most}`}`];
  });
}

function prefixed(word: string, counts: object): Record<string, Count> {
  return Object.fromEntries(Object.entries(counts).map(([key, count]) => [`${word} ${key}`, count]));
}
