import { expect, test } from 'vitest';
import { type Checked, RotatingCheck } from '../../src/core/rotating-check.ts';

interface Entry extends Checked {
  readonly name: number;
}

function filled(count: number, check: (entry: Entry) => void) {
  const entries = Array.from({ length: count }, (_, name): Entry => ({ name, checkIndex: 0 }));
  const rotating = new RotatingCheck(check);
  for (const entry of entries) rotating.add(entry);
  return { entries, rotating };
}

test.each([1, 2, 5, 100])('each of %i entries is checked equally often', count => {
  const checked: number[] = [];
  const { rotating } = filled(count, ({ name }) => checked.push(name));

  for (let i = 0; i < count; i++) rotating.checkSome();

  const times = Array.from({ length: count }, (_, name) => checked.filter(each => each === name).length);
  expect(times).toEqual(Array(count).fill(3));
});

test('a check that deletes its entry does not keep the others from being checked', () => {
  const { entries, rotating } = filled(100, entry => {
    deleted.add(entry);
    rotating.delete(entry);
  });
  const deleted = new Set<Entry>();

  for (let i = 0; i < 100; i++) rotating.checkSome();

  expect(deleted).toEqual(new Set(entries));
});

test('entries that are deleted elsewhere are checked no more, and new ones are', () => {
  const checked = new Set<number>();
  const { entries, rotating } = filled(10, ({ name }) => checked.add(name));

  for (const entry of entries.filter(({ name }) => name % 2 === 0)) rotating.delete(entry);
  rotating.add({ name: 10, checkIndex: 0 });
  for (let i = 0; i < 10; i++) rotating.checkSome();

  expect([...checked].sort((a, b) => a - b)).toEqual([1, 3, 5, 7, 9, 10]);
});

test('an entry that is deleted twice takes no other with it', () => {
  const checked = new Set<number>();
  const { entries, rotating } = filled(3, ({ name }) => checked.add(name));
  const [first] = entries as [Entry, Entry, Entry];

  rotating.delete(first);
  rotating.delete(first);
  rotating.checkSome();

  expect([...checked].sort()).toEqual([1, 2]);
});
