import { expect, test } from 'vitest';
import { randomOf } from '../soak/random.ts';
import { CLIENTS, type ClientName } from './clients.ts';
import { ENFORCED, GOALS, type Internals, scoreOf, TIES, verdict, type Which } from './goals.ts';
import type { Entry, Logged, Standing } from './log.ts';
import { runPlay } from './run-play.ts';
import { SCENARIOS } from './scenarios.ts';
import { trueCauses } from './truth.ts';

// --- the short form of `npm run accuracy`

/** The same seed chooses the same plays. */
const SEED = Number(process.env['ACCURACY_SEED'] ?? 1);
const PARALLELS = [1, 4, 20];

const names = Object.keys(SCENARIOS).filter(name => !SCENARIOS[name]?.slow);
const plays: Which[] = CLIENTS.map((client, stream) => {
  const random = randomOf(SEED, stream);
  const scenario = random.pick(names.filter(name => SCENARIOS[name]?.clients.includes(client)));
  return { client, scenario, parallel: random.pick(PARALLELS), internals: random.pick<Internals>(['on', 'off']) };
});

test.concurrent.each(plays)(
  `seed ${SEED}: $scenario with $client, $parallel at a time, internals $internals`,
  { timeout: 60_000 },
  async which => {
    const result = await runPlay(which, 'address');

    expect(result.problems).toEqual([]);
    const score = scoreOf(which, result);
    expect(score.total).toBeGreaterThan(0);
    if (ENFORCED) expect(score, JSON.stringify(result.pairs)).toMatchObject({ reached: true });
  },
);

// --- the judge

let port = 80;

/** A play that is written down: `open` and `close` of connections of the dispatchers a and b. */
function replay() {
  const entries: Entry[] = [];
  const owners = new Map<Logged, string>();
  const live = new Map<Logged, Omit<Standing, 'connection'>>();
  port++;
  return {
    open(owner: string, { slot, opened = true }: { slot?: object; opened?: boolean } = {}): Logged {
      const { length: id } = entries;
      const times = { started: id, connected: id };
      const connection: Logged = { id, ...times, opened, port, local: '', slot };
      const others = Array.from(live, ([other, standing]) => ({ connection: other, ...standing }));
      entries.push({ type: 'attempt', connection, others });
      owners.set(connection, owner);
      live.set(connection, { leaving: false, idle: false });
      return connection;
    },
    set: (connection: Logged, standing: Partial<Standing>) =>
      live.set(connection, { leaving: false, idle: false, ...standing }),
    close(connection: Logged) {
      live.delete(connection);
      entries.push({ type: 'close', connection });
    },
    causes: () => [...trueCauses(entries, connection => owners.get(connection)).values()],
  };
}

test('the judge: the first connection to an origin, of another dispatcher, and of a pool that is busy', () => {
  const { open, causes } = replay();
  for (const owner of ['a', 'b', 'a', 'b']) open(owner);

  expect(causes()).toEqual(['first', 'new_pool', 'pool_busy', 'pool_busy']);
});

test('the judge: an idle connection of the same dispatcher makes it a race, one of another does not', () => {
  const { open, set, causes } = replay();
  set(open('a'), { idle: true });
  open('b');
  open('a');
  open('b');

  expect(causes()).toEqual(['first', 'new_pool', 'release_race', 'pool_busy']);
});

test('the judge: each loss is replaced once, before an idle connection counts', () => {
  const { open, set, close, causes } = replay();
  const lost = open('a');
  set(open('a'), { idle: true });
  close(lost);
  open('a');
  open('a');

  expect(causes()).toEqual(['first', 'pool_busy', 'replaced', 'release_race']);
});

test('the judge: a connection that is leaving is replaced once, and leaves no loss when it closes', () => {
  const { open, set, close, causes } = replay();
  const leaving = open('a');
  set(leaving, { leaving: true, idle: true });
  open('a');
  close(leaving);
  open('a');

  expect(causes()).toEqual(['first', 'replaced', 'pool_busy']);
});

test('the judge: a loss of the own slot comes before the newest loss', () => {
  const { open, close, causes } = replay();
  const [slot, other] = [{}, {}];
  const connections = [open('a', { slot }), open('a', { slot: other })];
  for (const each of connections) close(each);
  open('a', { slot });
  open('a', { slot });
  open('a', { slot });

  expect(causes()).toEqual(['first', 'pool_busy', 'replaced', 'replaced', 'pool_busy']);
});

test('the judge: a loss of another dispatcher is not replaced', () => {
  const { open, close, causes } = replay();
  close(open('a'));
  open('b');
  open('b');

  expect(causes()).toEqual(['first', 'new_pool', 'pool_busy']);
});

test('the judge: a failed attempt has no cause, and the next one counts as if it had not been', () => {
  const { open, close, causes } = replay();
  close(open('a', { opened: false }));
  open('a');
  close(open('b', { opened: false }));
  open('b');

  expect(causes()).toEqual(['first', 'new_pool']);
});

// --- goals

const WHICH: Which = { scenario: 'shared', client: 'undici8', parallel: 4, internals: 'on' };
const [TIE] = TIES;

test('another cause is wrong, except for a tie; no answer is not wrong', () => {
  expect(verdict(WHICH, 'replaced', 'replaced')).toBe('right');
  expect(verdict(WHICH, 'new_pool', 'replaced')).toBe('wrong');
  expect(verdict({ ...WHICH, scenario: TIE?.scenarios[0] ?? '' }, TIE?.truth ?? '', TIE?.told ?? '')).toBe('right');
  for (const told of ['unknown', 'pending', 'missing']) expect(verdict(WHICH, 'replaced', told)).toBe('unknown');
});

test.each([
  ['on', 95, 1, 4, true],
  ['on', 94, 0, 6, false],
  ['on', 95, 2, 3, false],
  ['off', 0, 2, 98, true],
  ['off', 97, 3, 0, false],
] as const)('internals %s: %d right, %d wrong and %d unknown', (internals, right, wrong, unknown, reached) => {
  const pairs = [
    { truth: 'replaced', told: 'replaced', count: right },
    { truth: 'replaced', told: 'pool_busy', count: wrong },
    { truth: 'replaced', told: 'unknown', count: unknown },
  ];

  const score = scoreOf({ ...WHICH, internals }, { pairs, problems: [] });

  expect(score).toEqual({ total: 100, right, wrong, unknown, reached });
  expect(GOALS[internals].wrong).toBeLessThan(3);
});

test('no connection at all does not reach a goal', () => {
  expect(scoreOf(WHICH, { pairs: [], problems: [] }).reached).toBe(false);
});

test('ties and exceptions name scenarios that exist, and say why', () => {
  for (const { scenarios, why, clients = [] } of TIES) {
    expect(scenarios.filter(name => SCENARIOS[name] === undefined)).toEqual([]);
    expect(clients.filter((name: ClientName) => !CLIENTS.includes(name))).toEqual([]);
    expect(why.length).toBeGreaterThan(40);
  }
});
