import { describe, expect, test } from 'vitest';
import { intervalsOf } from '../../src/explain/interval.ts';
import { tableLines } from '../../src/explain/table.ts';
import { origin, overview } from './overviews.ts';

const wasteful = origin({
  address: 'payments.internal.example.com',
  opened: [
    { cause: 'first', count: 1 },
    { cause: 'replaced', reason: 'server_close_header', count: 99 },
  ],
  requests: { fresh: 100, reused: 1 },
  now: { active: 1, idle: 2, opening: 3, held: 0 },
  waiting: 4,
  setup: 0.0123,
});
const good = origin({
  address: 'b.test',
  port: 80,
  opened: [{ cause: 'first', count: 1 }],
  requests: { fresh: 1, reused: 99 },
});
const failing = origin({ address: 'c.test', failed: [{ phase: 'connect', errorType: 'ECONNREFUSED', count: 7 }] });
const held = origin({
  address: 'd.test',
  requests: { fresh: 5, reused: 95 },
  now: { active: 5, idle: 0, opening: 0, held: 5 },
});
const quiet = origin({ address: 'e.test' });
const database = origin({ address: 'db.test', port: 5432, http: false, opened: [{ cause: 'first', count: 1 }] });

describe('what happened in an interval', () => {
  test('the worst server comes first, each with a verdict in words', () => {
    const rows = intervalsOf(undefined, overview([quiet, good, database, held, wasteful, failing]), 1);

    expect(rows.map(({ name, state, verdict }) => [name, state, verdict])).toEqual([
      ['c.test:443', 'failing', 'connect fails: ECONNREFUSED'],
      ['payments.internal.example.com:443', 'wasteful', 'server sends Connection: close'],
      ['d.test:443', 'wasteful', 'unread bodies hold connections'],
      ['b.test:80', 'good', 'good'],
      ['db.test:5432', 'good', 'good'],
      ['e.test:443', 'idle', 'idle'],
    ]);
  });

  test('the verdict is of the interval, not of the past', () => {
    const before = overview([wasteful]);
    const later = {
      ...wasteful,
      opened: [...wasteful.opened, { cause: 'new_pool' as const, count: 10 }],
      requests: { fresh: 110, reused: 1 },
    };

    expect(intervalsOf(before, overview([later]), 2)).toMatchObject([
      { opened: 5, requests: 5, reuse: 0, verdict: 'client per request' },
    ]);
    expect(intervalsOf(before, overview([{ ...wasteful, requests: { fresh: 100, reused: 21 } }]), 2)).toMatchObject([
      { opened: 0, requests: 10, reuse: 1, verdict: 'good' },
    ]);
    expect(intervalsOf(before, overview([wasteful]), 2)).toMatchObject([
      { requests: 0, reuse: undefined, state: 'idle' },
    ]);
  });

  test('after a restart the counts begin anew', () => {
    const restarted = { ...good, requests: { fresh: 2, reused: 8 } };

    expect(intervalsOf(overview([good]), overview([restarted]), 1)).toMatchObject([{ requests: 10, opened: 1 }]);
  });
});

describe.each([80, 100, 140])('at %i columns', width => {
  test('no line is longer, and server and verdict are whole', () => {
    const rows = intervalsOf(undefined, overview([wasteful, good, failing, held, database]), 1);
    const lines = tableLines(rows, width);

    for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
    for (const { name, verdict } of rows)
      expect(lines.some(line => line.includes(name) && line.includes(verdict))).toBe(true);
    expect(lines).toMatchSnapshot();
  });
});

test('since the start, numbers are totals', () => {
  const [heading, ...lines] = tableLines(intervalsOf(undefined, overview([wasteful, failing]), 1), 140, true);

  expect(heading).toMatch(/ new +req +reuse +fail +held /);
  expect(lines[0]).toMatch(/ECONNREFUSED +0 +0 +- +7 /);
  expect(lines[1]).toMatch(/close +100 +101 +0 % +- /);
});

test('a long name is shortened in its middle', () => {
  const long = origin({ address: `${'a'.repeat(50)}.example.com`, requests: { fresh: 1, reused: 9 } });
  const [, line = ''] = tableLines(intervalsOf(undefined, overview([long]), 1), 80);

  expect(line).toMatch(/^a{20}…a*\.example\.com:443 {2}good/);
});
