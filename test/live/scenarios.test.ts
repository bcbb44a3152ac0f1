import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DiagLogLevel, diag } from '@opentelemetry/api';
import { afterAll, describe, expect, type TestContext, test, vi } from 'vitest';
import {
  appliesTo,
  CLIENTS,
  type ClientName,
  run,
  type Scenario,
  type Variant,
} from '../../examples/scenarios/scenario.ts';
import type { OpenCause } from '../../src/core/causes.ts';
import type { Phase } from '../../src/core/errors.ts';
import { ConnectionInstrumentation } from '../../src/index.ts';
import { certificate } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { attachReader, type Readings } from '../support/instrument.ts';
import { type Seen, type Server, startServer } from '../support/server.ts';

// The expected connections of each scenario in examples/scenarios, for one or more copies of the program at the same time: their
// number, open causes and close reasons. Each test runs one row against a server in another process, which counts, too, and
// then drops the connections that are left: the `server_idle_close` at the end of most rows.

/** Milliseconds. */
const HELD_AFTER = 700;

/** How many copies of each program run. `npx vitest run test/live/scenarios.test.ts` with SCENARIOS_PARALLEL=1,4,20 runs more. The command plays each once: test/cli/scenarios.test.ts. */
const PARALLEL = (process.env['SCENARIOS_PARALLEL'] ?? '4').split(',').map(Number);

/** Until this is true, causes are checked for one copy only, and not for clients per request. */
const CAUSES_HOLD_IN_PARALLEL = true;

/** A number, or a range if it varies: `why` says what it depends on. */
type Count = number | readonly [least: number, most: number];
type Opened = Partial<Record<Exclude<OpenCause, 'replaced'> | `replaced ${string}`, Count>>;
type Closed = Readonly<Record<string, Count>>;
type Failed = Partial<Record<`${Phase} ${string}`, Count>>;

interface Outcome {
  readonly accepts: Count;
  readonly requests: Count;
  readonly opened: Opened;
  readonly closed: Closed;
  readonly failed?: Failed;
}

/** The outcome for so many copies of the program. */
type Expected = (copies: number) => Outcome;

/** A client, or the built-in one of one Node version. */
type Who = ClientName | 'fetch on 22' | 'fetch on 24' | 'fetch on 26';

interface Row {
  readonly of: readonly Who[];
  readonly wasteful?: Expected;
  readonly fixed?: Expected;
  readonly why?: string;
}

const NODE = process.versions.node.split('.')[0];
const UNDICI = ['fetch', 'undici6', 'undici7', 'undici8'] as const;
const NPM_UNDICI = ['undici6', 'undici7', 'undici8'] as const;

/** As many connections as requests at a time, or up to twice as many with undici if it frees them a moment too late. */
function shared(requests: number, atOnce = 1): Expected {
  return n => ({
    accepts: [n * atOnce, 2 * n * atOnce],
    requests: n * requests,
    opened: {
      first: 1,
      ...counted('pool_busy', n * atOnce - 1, n * atOnce > 1 ? 2 * n * atOnce - 1 : 0),
      release_race: [0, n * atOnce],
    },
    closed: { server_idle_close: [n * atOnce, 2 * n * atOnce] },
  });
}

/** As many connections as requests at a time. */
function one(requests: number): Expected {
  return n => busy(n, n * requests)(1);
}

/** One connection for all copies. */
function single(requests: number): Expected {
  return n => one(n * requests)(1);
}

/** Each connection replaces an earlier one, which was closed for this reason; by default, after one request. */
function eachClosed(connections: number, reason: string, requests = connections): Expected {
  return n => ({
    accepts: n * connections,
    requests: n * requests,
    opened: {
      first: 1,
      ...counted('pool_busy', n - 1, n > 1 ? 2 * n : 0),
      ...counted(`replaced ${reason}`, n * (connections - 1) - (n > 1 ? n : 0), n * (connections - 1)),
    },
    closed: { [reason]: n * connections },
  });
}

/** The same, but a request may come when the earlier connection is idle and not closed yet. */
function eachClosedOrRace(connections: number, reason: string): Expected {
  return n => {
    const { opened, ...others } = eachClosed(connections, reason)(n);
    const replaced = counted(`replaced ${reason}`, n * (connections - 2) - n, n * (connections - 1));
    return { ...others, opened: { ...opened, release_race: [0, n], ...replaced } };
  };
}

/** All connections are needed at the same time. */
function busy(connections: number, requests: number): Expected {
  return n => ({
    accepts: n * connections,
    requests: n * requests,
    opened: { first: 1, ...counted('pool_busy', n * connections - 1) },
    closed: { server_idle_close: n * connections },
  });
}

function refused(phase: `${Phase} ${string}`, accepts: number): Expected {
  return n => ({ accepts: n * accepts, requests: 0, opened: {}, closed: {}, failed: { [phase]: 10 * n } });
}

/** A pool per call. */
function eachNewPool(reason: string): Expected {
  return n => ({
    accepts: 10 * n,
    requests: 10 * n,
    opened: { first: 1, new_pool: 10 * n - 1 },
    closed: { [reason]: 10 * n },
  });
}

/** An entry for an outcome, if it is not zero. */
function counted(name: string, least: number, most = least): Record<string, Count> {
  return most <= 0 ? {} : { [name]: [Math.max(0, least), most] };
}

const RACE = 'The next request may come before undici has closed the connection.';
const EXTRA =
  'Where a request is given up, undici 6 and 7, and 8 before 8.12, open a connection for nobody (undici#5845); whether the ' +
  'next request finds it in time is a race, and undici 7 closes it again.';

/** Connections with a body that nobody reads, and those that were opened before that was certain. */
function held(n: number): Record<string, Count> {
  return { body_held: [4 * n, 10 * n - 1], ...counted('pool_busy', n - 1, 6 * n) };
}

/** Each connection is closed by the client itself, and undici may open one for nobody. */
function eachGivenUp(reason: string): Expected {
  return n => ({
    accepts: [n === 1 ? 11 : 10 * n, 20 * n],
    requests: 10 * n,
    opened: {
      first: 1,
      pool_busy: [n - 1, 3 * n],
      ...counted(`replaced ${reason}`, 7 * n, 19 * n),
      'replaced client_shutdown': [0, 10 * n],
    },
    closed: { [reason]: 10 * n, server_idle_close: [0, 10 * n], client_shutdown: [0, 10 * n] },
  });
}

/** Each connection has two requests. undici 6 lets one more through than it is told. */
function eachOfTwo(n: number): Outcome {
  return {
    accepts: [3 * n, 7 * n],
    requests: 10 * n,
    opened: {
      first: 1,
      ...counted('pool_busy', n - 1, 3 * (n - 1)),
      release_race: [0, 4 * n],
      'replaced max_requests': [n, 5 * n],
    },
    closed: { max_requests: [2 * n, 5 * n], server_idle_close: [0, 3 * n] },
  };
}

const TABLE: Readonly<Record<string, readonly Row[]>> = {
  'unread-body': [
    {
      of: ['fetch on 24', 'fetch on 26', 'undici6', 'undici7'],
      wasteful: n => ({
        accepts: [10 * n, 20 * n],
        requests: 10 * n,
        opened: { first: 1, ...held(n), 'replaced body_cancelled': [0, 10 * n] },
        closed: { body_cancelled: 10 * n, server_idle_close: [0, 10 * n], client_shutdown: [0, 10 * n] },
      }),
      why: `A body is seen as held once some of it lies unread; the next request may come sooner. The test gives all bodies up at the end. ${EXTRA}`,
    },
    {
      of: ['fetch on 22', 'undici8', 'http'],
      wasteful: n => ({
        accepts: 10 * n,
        requests: 10 * n,
        opened: { first: 1, ...held(n) },
        closed: { body_cancelled: 10 * n },
      }),
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
      wasteful: eachGivenUp('body_cancelled'),
      why: `${EXTRA} With a pause between the calls, 50 of them open 51, 100 and 52 connections on Node 22, 24 and 26.`,
    },
    { of: UNDICI, fixed: shared(10) },
    { of: ['http'], fixed: one(10) },
  ],
  'aborted-before-answer': [
    {
      of: ['fetch on 22', 'undici8', 'http'],
      wasteful: n => ({
        accepts: [5 * n, 10 * n],
        requests: [5 * n, 10 * n],
        opened: {
          first: 1,
          ...counted('pool_busy', n - 1, n > 1 ? 2 * n : 0),
          'replaced request_aborted': [5 * n - n, 10 * n - 1],
        },
        closed: { request_aborted: [5 * n, 10 * n] },
        failed: { 'connect ABORT_ERR': [0, 5 * n] },
      }),
      why: 'On a busy machine, a request may be aborted before it arrives, or before there is a connection.',
    },
    {
      of: ['fetch on 24', 'fetch on 26', 'undici6', 'undici7'],
      wasteful: n => ({ ...eachGivenUp('request_aborted')(n), requests: [5 * n, 10 * n] }),
      why: `As above. ${EXTRA}`,
    },
    { of: UNDICI, fixed: shared(10) },
    { of: ['http'], fixed: one(10) },
  ],
  'client-per-request': [
    {
      of: NPM_UNDICI,
      wasteful: eachNewPool('server_idle_close'),
      fixed: shared(10),
    },
    {
      of: ['http'],
      wasteful: eachNewPool('server_idle_close'),
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
    { of: UNDICI, wasteful: eachClosedOrRace(10, 'server_close_header'), why: RACE },
    { of: ['http'], wasteful: eachClosed(10, 'server_close_header') },
    { of: UNDICI, fixed: shared(10) },
    { of: ['http'], fixed: one(10) },
  ],
  'short-keep-alive': [
    { of: UNDICI, wasteful: eachClosedOrRace(10, 'keep_alive_hint_too_short'), why: RACE },
    { of: ['http'], wasteful: eachClosed(10, 'keep_alive_hint_too_short') },
    { of: UNDICI, fixed: shared(10) },
    { of: ['http'], fixed: one(10) },
  ],
  'idle-closed-by-server': [
    {
      of: CLIENTS,
      wasteful: n => ({
        accepts: n === 1 ? 3 : [n + 1, 3 * n],
        requests: n === 1 ? 3 : [n + 1, 3 * n],
        opened: {
          first: 1,
          ...counted('pool_busy', n - 1),
          'replaced server_idle_close': n === 1 ? 2 : [1, 2 * n],
          ...counted('replaced server_closed_active', 0, n - 1),
        },
        closed: {
          server_idle_close: n === 1 ? 3 : [n + 1, 3 * n],
          ...counted('server_closed_active', 0, n - 1),
        },
      }),
      fixed: one(3),
      why: 'The copies drift apart on a busy machine, so that one finds the connection of another.',
    },
  ],
  'reset-on-reuse': [
    {
      of: UNDICI,
      wasteful: n => ({
        accepts: n === 1 ? 6 : [5 * n, 7 * n],
        requests: 10 * n,
        opened: {
          first: 1,
          ...counted('pool_busy', n - 1, 2 * (n - 1)),
          release_race: [0, 4 * n],
          'replaced server_closed_active': [n, 5 * n],
        },
        closed: {
          server_closed_active: n === 1 ? 4 : [3 * n, 5 * n],
          server_idle_close: n === 1 ? 2 : [0, 3 * n],
          ...counted('client_shutdown', 0, 2 * (n - 1)),
        },
      }),
      fixed: n => ({
        accepts: n === 1 ? 10 : [7 * n, 12 * n],
        requests: n === 1 ? 19 : [14 * n, 24 * n],
        opened: {
          first: 1,
          ...counted('pool_busy', n - 1, 3 * (n - 1)),
          release_race: [0, 6 * n],
          'replaced server_closed_active': [3 * n, 10 * n],
        },
        closed: {
          server_closed_active: n === 1 ? 9 : [5 * n, 11 * n],
          server_idle_close: n === 1 ? 1 : [0, 3 * n],
          ...counted('client_shutdown', 0, 2 * (n - 1)),
        },
      }),
      why: 'The release race gives undici two connections to lose by turns; where it opens one anew though the other is idle, that is a race again.',
    },
    {
      of: ['http'],
      wasteful: n => ({
        accepts: n === 1 ? 5 : [5 * n, 6 * n],
        requests: 10 * n,
        opened: {
          first: 1,
          ...counted('pool_busy', n - 1, 2 * (n - 1)),
          ...counted('replaced server_closed_active', n === 1 ? 4 : 3 * n, 5 * n),
        },
        closed: { server_closed_active: n === 1 ? 5 : [4 * n, 5 * n], ...counted('server_idle_close', 0, 2 * (n - 1)) },
      }),
      fixed: n => ({
        accepts: n === 1 ? 10 : [8 * n, 11 * n],
        requests: n === 1 ? 19 : [16 * n, 20 * n],
        opened: {
          first: 1,
          ...counted('pool_busy', n - 1, 2 * (n - 1)),
          'replaced server_closed_active': n === 1 ? 9 : [6 * n, 10 * n],
        },
        closed: { server_closed_active: n === 1 ? 9 : [7 * n, 10 * n], server_idle_close: n === 1 ? 1 : [0, 2 * n] },
      }),
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
      wasteful: eachOfTwo,
      why: 'undici 6 lets one request more through than it is told. Two connections take turns, by the release race.',
    },
    {
      of: ['undici7'],
      wasteful: n => {
        const { opened, closed, ...others } = eachOfTwo(n);
        return {
          ...others,
          opened: { ...opened, new_pool: [0, 4 * n], 'replaced client_shutdown': [0, 2 * n] },
          closed: { ...closed, client_shutdown: [0, 4 * n] },
        };
      },
      why: 'The agent of undici 7 drops a pool, and closes what is idle in it, when it loses a connection: to the next one that looks like a client per request.',
    },
    {
      of: ['undici8'],
      wasteful: eachOfTwo,
      why: 'Two connections take turns, by the release race.',
    },
    { of: NPM_UNDICI, fixed: shared(10) },
  ],
  'max-free-sockets': [
    {
      of: ['http'],
      wasteful: n => ({
        accepts: n === 1 ? 17 : [14 * n, 20 * n],
        requests: 20 * n,
        opened: {
          first: 1,
          pool_busy: n === 1 ? 4 : [5 * n - 1, 8 * n],
          'replaced pool_full': n === 1 ? 12 : [8 * n, 15 * n],
        },
        closed: { pool_full: n === 1 ? 16 : [13 * n, 20 * n - 1], server_idle_close: 1 },
      }),
      fixed: busy(5, 20),
    },
  ],
  burst: [
    {
      of: CLIENTS,
      wasteful: n => ({
        accepts: [2 * n, 40 * n],
        requests: 40 * n,
        opened: { first: 1, pool_busy: [n, 40 * n - 1], release_race: [0, 5 * n] },
        closed: { server_idle_close: [2 * n, 40 * n] },
      }),
      why: 'A timer of one millisecond comes late on a busy machine; requests after the first 50 ms find idle connections.',
    },
    {
      of: [...NPM_UNDICI, 'http'],
      fixed: n => ({
        accepts: [2, 10],
        requests: 40 * n,
        opened: { first: 1, pool_busy: [1, 9] },
        closed: { server_idle_close: [2, 10] },
      }),
      why: 'As above.',
    },
  ],
  'ten-parallel': [
    {
      of: UNDICI,
      fixed: shared(50, 10),
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
      wasteful: busy(5, 10),
      why: 'Built into Node 26 is undici 8.10.',
    },
    {
      of: ['undici8'],
      wasteful: single(10),
      why: 'undici 8.12 waits for the first connection before it opens another.',
    },
    {
      of: ['undici7', 'undici8'],
      fixed: single(10),
      why: 'undici 6 itself fails with many requests at once on HTTP/2.',
    },
  ],
  'http2-goaway': [
    {
      of: ['fetch on 26', ...NPM_UNDICI],
      wasteful: n => ({
        accepts: n === 1 ? 10 : [5, 11 * n],
        requests: n === 1 ? 10 : [2 * n, 11 * n],
        opened: {
          first: 1,
          pool_busy: n === 1 ? [0, 1] : [0, 3 * n],
          release_race: [0, n],
          'replaced goaway': n === 1 ? [7, 9] : [3, 10 * n],
        },
        closed: { goaway: n === 1 ? 10 : [5, 11 * n] },
      }),
      fixed: n => ({
        accepts: [1, 2 * n],
        requests: 10 * n,
        opened: { first: 1, ...counted('pool_busy', 0, 2 * (n - 1)), ...counted('release_race', 0, n - 1) },
        closed: { server_idle_close: [1, 2 * n] },
      }),
      why: 'Requests that run at the same time may share a connection, and all of them end with it, also those not sent yet.',
    },
  ],
  websocket: [
    { of: CLIENTS, wasteful: eachClosed(10, 'upgraded') },
    { of: UNDICI, fixed: eachClosed(1, 'upgraded') },
  ],
  'proxy-tunnel': [
    {
      of: NPM_UNDICI,
      wasteful: n => ({ ...eachNewPool('server_idle_close')(n), accepts: 20 * n, requests: 20 * n }),
      fixed: n => {
        const { opened, closed } = shared(10)(n);
        return { accepts: [2 * n, 4 * n], requests: [11 * n, 12 * n], opened, closed };
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
      wasteful: eachNewPool('client_shutdown'),
      fixed: shared(10),
    },
    {
      of: ['http'],
      wasteful: eachNewPool('server_idle_close'),
      fixed: one(10),
      why: 'Node does not tell whether an idle connection of an http.Agent was closed by the server or by Agent.destroy().',
    },
  ],
  crawler: [
    {
      of: [...NPM_UNDICI, 'http'],
      wasteful: () => ({
        accepts: 400,
        requests: 400,
        opened: { first: 200, 'replaced keep_alive_off': 200 },
        closed: { keep_alive_off: 400 },
      }),
      fixed: () => ({
        accepts: 200,
        requests: 400,
        opened: { first: 200 },
        closed: { server_idle_close: 200 },
      }),
    },
  ],
};

/** Connections whose cause or reason may be `unknown`, and why. */
const UNKNOWN: Readonly<Record<string, string>> = {};

const FOLDER = new URL('../../examples/scenarios/', import.meta.url);
const NOT_SCENARIOS = ['basic.ts', 'run.ts', 'scenario.ts'];
const own = await certificate();
const NOTHING_SEEN: Seen = { accepts: 0, secured: 0, resumed: 0, requests: 0, open: 0, connects: 0 };
const NOTHING_OPEN = { atServer: 0, attempted: 0, notClosed: 0, open: 0, requests: 0, held: 0 };
/** Before Node 26, fetch supports HTTP/1.1 only. */
const FETCH_OVER_2 = ['http2-stampede wasteful fetch', 'http2-goaway wasteful fetch', 'http2-goaway fixed fetch'];

const scenarios = new Map<string, Scenario>();
for (const file of readdirSync(FOLDER).filter(each => !NOT_SCENARIOS.includes(each))) {
  const { scenario } = (await import(new URL(file, FOLDER).href)) as { scenario: Scenario };
  scenarios.set(file.replace('.ts', ''), scenario);
}

interface Case {
  readonly name: string;
  readonly kind: 'wasteful' | 'fixed';
  readonly client: ClientName;
  readonly copies: number;
  readonly variant: Variant;
  readonly expected: Outcome;
  readonly why: string;
}

const cases: Case[] = Object.entries(TABLE).flatMap(([name, rows]) =>
  rows.flatMap(({ of, why = '', ...row }) =>
    (['wasteful', 'fixed'] as const).flatMap(kind => {
      const expected = row[kind];
      const variant = scenarios.get(name)?.[kind];
      if (expected === undefined || variant === undefined) return [];
      return of
        .filter(isHere)
        .map(clientOf)
        .flatMap(client =>
          PARALLEL.map(copies => ({ name, kind, client, copies, variant, expected: expected(copies), why })),
        );
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
  const said = cases
    .filter(({ copies }) => copies === PARALLEL[0])
    .map(({ name, kind, client }) => `${name} ${kind} ${client}`);

  const silent = ['http2-stampede fixed undici6', ...(NODE === '26' ? [] : FETCH_OVER_2)];
  expect(said.toSorted()).toEqual(written.filter(each => !silent.includes(each)).toSorted());
});

/** The rest of a process is in the way of these: they use many origins, or a setting of the process. */
const isAlone = ({ name, variant, client }: Case) =>
  name === 'crawler' || (client === 'fetch' && variant.server?.kind === 'http2');

/** Totals of the whole suite, for its last test. */
const all = { opened: 0, unknown: [] as string[], faults: [] as unknown[] };

diag.setLogger(
  {
    verbose() {},
    debug() {},
    info() {},
    warn: (...args) => all.faults.push(args),
    error: (...args) => all.faults.push(args),
  },
  { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
);

const TITLE = '$name, $kind, $client, $copies at the same time, matches the table: $why';
describe('beside others', () => {
  test.concurrent.for(cases.filter(each => !isAlone(each)))(TITLE, (each, context) => play(each, context));
});
describe('alone', () => {
  test.for(cases.filter(isAlone))(TITLE, (each, context) => play(each, context));
});

async function play(each: Case, { expect, onTestFinished }: TestContext): Promise<void> {
  const { name, kind, client, copies, variant, expected } = each;
  trustAll(client === 'fetch' && variant.server?.kind === 'http2', onTestFinished);
  const lease = variant.serverStopped ? undefined : await leaseServer(each);
  let isClean = false;
  onTestFinished(() => {
    if (isClean) lease?.giveBack(); // last, when the client is destroyed
  });
  const port = lease?.server.port ?? (await freePort());
  const instrumentation = new ConnectionInstrumentation({ callSites: false });
  onTestFinished(() => instrumentation.disable());
  const read = attachReader(instrumentation);
  // Other scenarios run in this process, on other ports. The origins of a crawler have none once they share their series.
  const at = isAlone(each) ? {} : { 'server.port': port };

  const cleanup = await run(variant, client, port, own.cert, copies);
  onTestFinished(cleanup.destroy);
  if (name === 'unread-body') {
    await sleep(HELD_AFTER); // a body holds a connection only when it has been unread for that long
    await read();
  }
  await cleanup.cancelBodies();
  const left = async () => {
    const { open } = (await lease?.server.drop()) ?? NOTHING_SEEN; // repeated, because undici replaces some
    const { live } = instrumentation.connections.snapshot();
    const attempted = live.filter(connection => isAlone(each) || connection.port === port).length; // not closed yet
    return { ...openOf(await read(), at), atServer: open, attempted };
  };
  await expect.poll(left, { timeout: 20_000, interval: 20 }).toEqual(NOTHING_OPEN);

  const truth = (await lease?.server.seen()) ?? NOTHING_SEEN;
  const readings = await read();
  const outcome = outcomeOf(readings, truth, at);
  expect(
    outsideOf(causesHold(each) ? expected : { ...expected, opened: outcome.opened }, outcome),
    JSON.stringify(outcome),
  ).toEqual([]);
  const { opened, closed, failedInTls, aborted } = totalsOf(outcome);
  const accepts = truth.accepts - truth.connects - failedInTls; // without the server's own connections as a proxy
  expect(opened).toBeLessThanOrEqual(accepts);
  expect(opened).toBeGreaterThanOrEqual(accepts - aborted); // the server may accept a connection that the client gave up
  expect(closed).toBe(opened);
  const requests = readings.value('connmeter.requests', at);
  // The server does not see a request that is sent after its GOAWAY or while it closes, or that is aborted at once.
  if (['http2-goaway', 'idle-closed-by-server', 'aborted-before-answer'].includes(name))
    expect(requests).toBeGreaterThanOrEqual(truth.requests);
  else expect(requests).toBe(truth.requests + truth.connects);

  all.opened += opened;
  const unknown = readings.points('connmeter.connection.opened', { ...at, 'connmeter.open.cause': 'unknown' });
  const closedUnknown = readings.points('connmeter.connection.closed', { ...at, 'connmeter.close.reason': 'unknown' });
  for (const { value } of [...unknown, ...closedUnknown]) {
    if (value > 0) all.unknown.push(...Array.from({ length: value }, () => `${name} ${kind} ${client}`));
  }
  isClean = true;
}

function causesHold({ copies, expected }: Case): boolean {
  const isClientPerRequest = expected.opened.new_pool !== undefined && typeof expected.opened.new_pool === 'number';
  return CAUSES_HOLD_IN_PARALLEL || (copies === 1 && !isClientPerRequest);
}

// Starting a process for each test would take longer than the tests. So a server is used again, once all its connections
// are closed. Not for fetch: its pool outlives the test.

const idleServers = new Map<string, Server[]>();
const ends: (() => void)[] = [];
afterAll(() => {
  for (const end of ends) end();
});

async function leaseServer({ name, kind, client, copies, variant }: Case) {
  // A long timeout, or clients close idle connections when a busy machine takes seconds for a test.
  const options = { kind: 'http', keepAliveTimeout: 60_000, ...variant.server, certificate: own } as const;
  const key = JSON.stringify([options, client === 'fetch' && [name, kind, copies]]);
  const idle = idleServers.get(key) ?? [];
  idleServers.set(key, idle);
  const server = idle.pop() ?? (await startServer(options, end => ends.push(end)));
  // Connections of the last client may still arrive when it is gone already.
  do {
    await server.reset();
    await sleep(20);
  } while ((await server.seen()).accepts > 0);
  return { server, giveBack: () => void idle.push(server) };
}

test('fewer than 1 % of all connections have an unknown cause or reason, and each is listed', () => {
  expect(all.opened).toBeGreaterThan(0);
  expect(all.unknown.length / all.opened).toBeLessThan(0.01);
  expect(all.unknown.filter(each => UNKNOWN[each] === undefined)).toEqual([]);
});

test('connmeter had no error of its own, and no lookup is pending', async () => {
  const instrumentation = new ConnectionInstrumentation();
  const readings = await attachReader(instrumentation)();
  instrumentation.disable();

  expect(all.faults).toEqual([]);
  expect(readings.value('connmeter.dns.pending')).toBe(0);
});

/** For fetch, which has no option for certificates: Node reads this variable at each handshake. */
function trustAll(yes: boolean, onTestFinished: TestContext['onTestFinished']): void {
  if (!yes) return;

  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  onTestFinished(() => void vi.unstubAllEnvs());
}

function openOf(readings: Readings, at: Record<string, number>) {
  return {
    notClosed: readings.value('connmeter.connection.opened', at) - readings.value('connmeter.connection.closed', at),
    open: readings.value('http.client.open_connections', at),
    requests: readings.value('http.client.active_requests', at),
    held: readings.value('connmeter.body.held', at),
  };
}

/** What happened, in the format of the table. */
function outcomeOf(readings: Readings, { accepts, requests, connects }: Seen, at: Record<string, number>) {
  const by = (metric: string, ...labels: string[]) => {
    const counts: Record<string, number> = {};
    for (const { attributes, value } of readings.points(metric, at).filter(point => point.value > 0)) {
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
  const failures = (start: string) =>
    sum(Object.fromEntries(Object.entries(failed).filter(([kind]) => kind.startsWith(start))));
  return {
    opened: sum(opened),
    closed: sum(closed),
    failedInTls: failures('tls '),
    aborted: failures('connect ABORT_ERR'),
  };
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
