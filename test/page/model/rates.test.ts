import { expect, test } from 'vitest';
import type { OriginOverview } from '../../../src/explain/overview.ts';
import { History, rowKey } from '../../../src/page/model/rates.ts';
import { origin } from '../fixtures.ts';

/** An overview at this second, in which an origin has opened so many connections. */
function at(seconds: number, opened: Readonly<Record<string, number>>) {
  return {
    at: seconds * 1000,
    origins: Object.entries(opened).map(([address, count]) =>
      origin({ address, opened: [{ cause: 'first', count }], requests: { fresh: count, reused: count * 2 } }),
    ),
  };
}

const key = (address: string) => rowKey(origin({ address }));

function historyOf(...overviews: readonly ReturnType<typeof at>[]): History {
  const history = new History();
  for (const overview of overviews) history.add(overview);
  return history;
}

test('one overview has no rates', () => {
  expect(historyOf(at(0, { a: 1 })).recent(key('a'))).toBeUndefined();
});

test('two have the differences between them', () => {
  const history = historyOf(at(0, { a: 1 }), at(2, { a: 11 }));

  expect(history.recent(key('a'))).toEqual({ opened: 10, failed: 0, fresh: 10, reused: 20, seconds: 2 });
  expect(history.restartedAt).toBeUndefined();
});

test('rates are over about ten seconds', () => {
  const overviews = Array.from({ length: 60 }, (_, i) => at(i * 2, { a: i < 50 ? i * 1000 : 49_000 + i }));

  expect(historyOf(...overviews).recent(key('a'))).toMatchObject({ opened: 5, seconds: 10 });
});

test('the same overview again changes nothing', () => {
  expect(historyOf(at(0, { a: 1 }), at(2, { a: 3 }), at(2, { a: 3 })).recent(key('a'))).toMatchObject({ seconds: 2 });
});

test('an origin that is new has rates from its second overview on', () => {
  const history = historyOf(at(0, { a: 1 }), at(2, { a: 1, b: 5 }));
  expect(history.recent(key('b'))).toBeUndefined();

  history.add(at(4, { a: 1, b: 7 }));

  expect(history.recent(key('b'))).toMatchObject({ opened: 2, seconds: 2 });
  expect(history.recent(key('a'))).toMatchObject({ opened: 0, seconds: 4 });
});

test('if counters fall, the process has started again, and everything starts anew', () => {
  const history = historyOf(at(0, { a: 100, b: 5 }), at(2, { a: 110, b: 5 }), at(4, { a: 1, b: 6 }));
  expect(history.recent(key('a'))).toBeUndefined();
  expect(history.recent(key('b'))).toBeUndefined();
  expect(history.restartedAt).toBe(4000);

  history.add(at(6, { a: 3, b: 6 }));

  expect(history.recent(key('a'))).toMatchObject({ opened: 2, seconds: 2 });
});

test('if only one origin falls, it was forgotten in between, and it starts anew alone', () => {
  const history = historyOf(at(0, { a: 100, b: 5 }), at(2, { a: 200, b: 5 }), at(4, { a: 400, b: 1 }));
  expect(history.recent(key('b'))).toBeUndefined();
  expect(history.recent(key('a'))).toMatchObject({ opened: 300, seconds: 4 });

  history.add(at(6, { a: 400, b: 3 }));

  expect(history.recent(key('b'))).toMatchObject({ opened: 2, seconds: 2 });
  expect(history.restartedAt).toBeUndefined();
});

test('after a long gap, rates are not those of the gap', () => {
  const history = historyOf(at(0, { a: 1 }), at(2, { a: 2 }), at(600, { a: 5000 }));
  expect(history.recent(key('a'))).toBeUndefined();
  expect(history.restartedAt).toBeUndefined();

  history.add(at(602, { a: 5001 }));

  expect(history.recent(key('a'))).toMatchObject({ opened: 1, seconds: 2 });
});

test('an origin with and without HTTP has two rows', () => {
  expect(rowKey(origin({ http: true }))).not.toBe(rowKey(origin({ http: false } satisfies Partial<OriginOverview>)));
});
