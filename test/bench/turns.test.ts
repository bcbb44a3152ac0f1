import { expect, test } from 'vitest';
import { type Figures, inRounds, inTurns } from '../../bench/turns.ts';

test('in a round, the variants take turns forwards and backwards, and only one works at a time', async () => {
  const log: string[] = [];
  let working = 0;
  async function* turns(name: string): AsyncGenerator<Figures> {
    for (let turn = 0; turn < 3; turn++) {
      working++;
      await new Promise(setImmediate);
      log.push(`${name}${turn} ${working}`);
      working--;
      yield { time: turn, [`${name}${turn}`]: 1 };
    }
  }

  const found = await inTurns(2, ['a', 'b'], name => turns(name));

  expect(log).toEqual([
    ...['a0 1', 'b0 1', 'b1 1', 'a1 1', 'b2 1', 'a2 1'],
    ...['b0 1', 'a0 1', 'b1 1', 'a1 1', 'a2 1', 'b2 1'],
  ]);
  const turn = [0, 1, 2];
  const both = [turn, turn];
  expect(found).toEqual({
    a: { time: both, a0: [[1], [1]], a1: [[1], [1]], a2: [[1], [1]] },
    b: { time: both, b0: [[1], [1]], b1: [[1], [1]], b2: [[1], [1]] },
  });
});

test('if one fails, the others end, and so does the run', async () => {
  let ended = 0;
  async function* waiting(): AsyncGenerator<Figures> {
    try {
      for (;;) yield {};
    } finally {
      ended++;
    }
  }
  // biome-ignore lint/correctness/useYield: it fails before it has measured anything
  async function* failing(): AsyncGenerator<Figures> {
    throw new Error('no port');
  }

  await expect(inTurns(1, ['a', 'b', 'c'], name => (name === 'c' ? failing() : waiting()))).rejects.toThrow('no port');
  expect(ended).toBe(2);
});

test('what has no turns is measured once per round, to four digits', async () => {
  expect(await inRounds(3, ['a'], () => ({ bytes: 123_456 }))).toEqual({
    a: { bytes: [[123_500], [123_500], [123_500]] },
  });
});
