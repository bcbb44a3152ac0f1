import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RoundRobin } from '../src/round-robin.ts';

const entry = (name = '') => ({ name, index: 0 });

test('each entry comes up again and again, three at a time', () => {
  const seen: string[] = [];
  const inTurn = new RoundRobin<ReturnType<typeof entry>>(({ name }) => seen.push(name));
  for (const name of 'abcde') inTurn.add(entry(name));

  for (let i = 0; i < 5; i++) inTurn.lookAtSome();

  expect(seen.join('')).toBe('abcdeabcdeabcde');
});

test('nothing comes up where nothing is', () => {
  const inTurn = new RoundRobin(() => expect.unreachable());

  inTurn.lookAtSome();
  const only = entry();
  inTurn.add(only);
  inTurn.delete(only);
  inTurn.delete(only);
  inTurn.lookAtSome();
});

test('whatever comes and goes, also while it is looked at, all that stays comes up, and nothing that went', () => {
  const step = fc.record({ word: fc.constantFrom('add', 'delete', 'doom', 'look'), which: fc.nat(1_000) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), steps => {
      type Entry = ReturnType<typeof entry> & { doomed: boolean };
      const there = new Set<Entry>();
      const seen = new Set<Entry>();
      const inTurn = new RoundRobin<Entry>(each => {
        expect(there.has(each)).toBe(true);
        seen.add(each);
        if (each.doomed) drop(each);
      });
      const drop = (each: Entry) => {
        there.delete(each);
        inTurn.delete(each);
      };
      for (const { word, which } of steps) {
        const one = [...there][which % Math.max(1, there.size)];
        if (word === 'look') inTurn.lookAtSome();
        else if (word === 'add' || one === undefined) {
          const added = { ...entry(), doomed: false };
          there.add(added);
          inTurn.add(added);
        } else if (word === 'delete') drop(one);
        else one.doomed = true;
      }

      seen.clear();
      for (let i = 0; i <= there.size; i++) inTurn.lookAtSome();
      expect([...there].filter(each => each.doomed || !seen.has(each))).toEqual([]);
    }),
  );
});
