import { expect, test } from 'vitest';
import { type Listed, Members } from '../../../src/client/attribution/members.ts';

class Member implements Listed<Member> {
  list: object | undefined;
  older: Member | undefined;
  newer: Member | undefined;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

function listOf(names: string): [Members<Member>, Record<string, Member>] {
  const members = new Members<Member>();
  const byName = Object.fromEntries(Array.from(names, name => [name, new Member(name)]));
  for (const name of names) members.add(byName[name] as Member);
  return [members, byName];
}

function namesIn({ size, oldest, newest }: Members<Member>): string {
  let [forwards, backwards] = ['', ''];
  for (let each = oldest; each !== undefined; each = each.newer) forwards += each.name;
  for (let each = newest; each !== undefined; each = each.older) backwards = each.name + backwards;
  expect(backwards).toBe(forwards);
  expect(forwards).toHaveLength(size);
  return forwards;
}

test('members are in the order in which they were added', () => {
  const [members] = listOf('abc');

  expect(namesIn(members)).toBe('abc');
  expect(namesIn(new Members<Member>())).toBe('');
});

test.each([
  ['a', 'bc'],
  ['b', 'ac'],
  ['c', 'ab'],
  ['ab', 'c'],
  ['cba', ''],
])('without %s, %s are left', (deleted, left) => {
  const [members, byName] = listOf('abc');
  for (const name of deleted) {
    const member = byName[name] as Member;
    expect(members.delete(member)).toBe(true);
    expect([member.older, member.newer]).toEqual([undefined, undefined]); // it keeps no other alive
    expect(members.delete(member)).toBe(false);
  }

  expect(namesIn(members)).toBe(left);
  members.add(new Member('d'));
  expect(namesIn(members)).toBe(`${left}d`);
});

test('a member is in one list, once', () => {
  const [members, { a, b }] = listOf('ab');
  const others = new Members<Member>();
  for (const list of [members, others]) for (const member of [b, a]) list.add(member as Member);

  expect([namesIn(members), namesIn(others)]).toEqual(['ab', '']);
  expect(others.delete(a as Member)).toBe(false);
  expect(members.delete(a as Member)).toBe(true);
  others.add(a as Member);
  expect([namesIn(members), namesIn(others)]).toEqual(['b', 'a']);
});

test('a test is asked of the oldest, until one passes, and of so many at most', () => {
  const [members] = listOf('abcd');
  const asked: string[] = [];
  const passes = ({ name }: Member, wanted: string) => {
    asked.push(name);
    return name === wanted;
  };

  expect([members.some(3, passes, 'b'), members.some(3, passes, 'd')]).toEqual([true, false]);
  expect(asked).toEqual(['a', 'b', 'a', 'b', 'c']);
});
