import { expect, test } from 'vitest';
import { Sum } from '../../src/register/processes/numbers.ts';
import { SharedMemory } from '../../src/register/threads/memory.ts';
import { SeriesReader } from '../../src/register/threads/series.ts';
import { SharedStorage } from '../../src/register/threads/shared-storage.ts';
import { takeUncounted } from '../../src/register/threads/uncounted.ts';
import { attempt, close, connect, publish, type Replay, replaying } from '../support/replay.ts';

const connectParams = { hostname: 'a.test', port: '', protocol: 'http:' };

function request() {
  return { origin: 'http://a.test', method: 'GET', completed: false, aborted: false, upgrade: null };
}

/** An open undici connection, in the same pool as all others with this connector. */
function open(connector: object) {
  publish('undici:client:beforeConnect', { connectParams, connector });
  const socket = attempt();
  connect(socket);
  return socket;
}

function ask(socket: ReturnType<typeof open>, asked = request()) {
  publish('undici:client:sendHeaders', { request: asked, headers: 'GET / HTTP/1.1\r\n', socket });
  return asked;
}

function openedOf({ registry }: Replay) {
  const counts = registry
    .originCounts({ address: 'a.test', port: 80 }, true)
    .allOpened.filter(({ value }) => value > 0);
  return counts.map(({ attributes, value }) => [
    attributes['connmeter.open.cause'],
    attributes['connmeter.close.reason'],
    value,
  ]);
}

test.each([31, 32, 100])('%i closed connections are settled without a collection', count => {
  const replay = replaying();
  for (let i = 0; i < count; i++) close(open(() => {}));

  const written = replay.unread.allOriginCounts
    .flatMap(({ allClosed }) => allClosed)
    .reduce((sum, { value }) => sum + value, 0);

  expect(written).toBe(count - (count % 32));
  expect(replay.tally('a.test', 80)).toMatchObject({ opened: count, closed: count });
});

test.each<[string, (replay: Replay, socket: ReturnType<typeof open>) => void, Record<string, number>]>([
  ['a collection', () => {}, { fresh: 1, reused: 0, closed: 0 }],
  ['a second request', (_, socket) => ask(socket), { fresh: 1, reused: 1, closed: 0 }],
  [
    'a collection and a second request',
    (replay, socket) => replay.tally('a.test', 80) && ask(socket),
    { fresh: 1, reused: 1, closed: 0 },
  ],
  ['its close', (_, socket) => close(socket), { fresh: 1, reused: 0, closed: 1 }],
  [
    'a snapshot and its close',
    (replay, socket) => replay.connections.snapshot() && close(socket),
    { fresh: 1, reused: 0, closed: 1 },
  ],
])('a connection that is settled by %s is counted once, and its first request once', (_how, end, counts) => {
  const replay = replaying();
  const socket = open(() => {});
  ask(socket).completed = true;

  end(replay, socket);

  expect(replay.tally('a.test', 80)).toMatchObject({ opened: 1, ...counts });
});

test('a connection that its server is closing is lost already, and its reason is the one at the close', () => {
  const replay = replaying();
  function connector() {}
  const ending = open(connector);
  publish('undici:client:connected', { connectParams, connector, socket: ending });
  const first = ask(ending);
  first.completed = true;
  publish('undici:request:trailers', { request: first });
  ending.emit('end');
  const next = open(connector);
  publish('undici:client:connected', { connectParams, connector, socket: next });
  close(ending, Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' }));

  expect(openedOf(replay)).toEqual([
    ['first', undefined, 1],
    ['replaced', 'server_idle_close', 1],
  ]);
  expect(replay.closedFor('a.test', 80)).toEqual({ server_idle_close: 1 });
});

test('a snapshot does not settle a socket that no client has claimed yet', () => {
  const replay = replaying();
  const socket = attempt();
  connect(socket, '127.0.0.1', 80);
  replay.connections.snapshot();
  publish('undici:client:connected', { connectParams, connector: () => {}, socket });

  expect(replay.tally('a.test', 80)).toMatchObject({ opened: 1 });
  expect(replay.tally('127.0.0.1', 80, false)).toMatchObject({ opened: 0 });
});

/** A worker thread in which connections are replayed, and what the main thread reads of it. */
function inThread() {
  const memory = SharedMemory.create(16 * 1024 * 1024);
  const entry = memory.join(1, 0) as number;
  const storage = new SharedStorage(memory, entry, () => {});
  const taken = new Sum(10);
  const reader = new SeriesReader(memory, entry);
  return {
    replay: replaying({ storage }),
    /** The thread is blocked, or has ended: the main thread counts what is not counted. */
    seen() {
      for (const numbers of takeUncounted(memory, entry)) taken.add(numbers, 'totals');
      const sum = new Sum(10);
      sum.add(taken.totals, 'totals');
      sum.add(reader.read(), 'totals');
      const of = (name: string) =>
        sum.readings
          .find(({ metric }) => metric.name === name)
          ?.series.reduce((total, each) => total + ('value' in each ? each.value : each.count), 0) ?? 0;
      return {
        opened: of('connmeter.connection.opened'),
        requests: of('connmeter.requests'),
        closed: of('connmeter.connection.closed'),
        connects: of('connmeter.connect.duration'),
        attempts: of('connmeter.connect.attempts'),
        causes: sum.readings
          .find(({ metric }) => metric.name === 'connmeter.connection.opened')
          ?.series.flatMap(each =>
            'value' in each && each.value > 0 ? [each.attributes['connmeter.open.cause']] : [],
          ),
      };
    },
  };
}

const STEPS = ['open', 'ask', 'answer', 'ask', 'close'] as const;

/** What is true after each of these steps. */
const TRUTH = [
  { opened: 1, requests: 0, closed: 0 },
  { opened: 1, requests: 1, closed: 0 },
  { opened: 1, requests: 1, closed: 0 },
  { opened: 1, requests: 2, closed: 0 },
  { opened: 1, requests: 2, closed: 1 },
];

test.each([
  ['after any one step', [0], [1], [2], [3], [4]],
  ['after any two steps', [0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [1, 4], [2, 4], [3, 4], [0, 4]],
  ['after all steps', [0, 1, 2, 3, 4]],
])('the main thread sees all of a blocked thread, and counts nothing twice: %s', (_when, ...looks) => {
  for (const isCollected of [false, true]) {
    for (const look of looks as number[][]) {
      const { replay, seen } = inThread();
      const connector = () => {};
      let socket: ReturnType<typeof open> | undefined;
      let asked: ReturnType<typeof request> | undefined;
      for (const [index, step] of STEPS.entries()) {
        if (step === 'open') socket = open(connector);
        else if (step === 'ask') asked = ask(socket as ReturnType<typeof open>);
        else if (step === 'answer') publish('undici:request:trailers', { request: asked as object, trailers: [] });
        else close(socket as ReturnType<typeof open>);
        if (isCollected && index === 2) replay.connections.refreshGauges();
        if (look.includes(index)) {
          expect([look, isCollected, index, seen()]).toMatchObject([look, isCollected, index, TRUTH[index] as object]);
        }
      }
      expect([look, isCollected, seen()]).toMatchObject([
        look,
        isCollected,
        { ...TRUTH.at(-1), connects: 1, attempts: 1, causes: ['first'] },
      ]);
    }
  }
});
