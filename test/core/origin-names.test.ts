import { expect, test } from 'vitest';
import { nameByPattern, OriginNames } from '../../src/core/origin-names.ts';

const unreachable = (error: unknown) => expect.unreachable(String(error));

test('without a function, an address has its own name', () => {
  expect(new OriginNames(undefined, unreachable).of('a.test')).toBe('a.test');
});

test('the function is asked once per address', () => {
  const asked: string[] = [];
  const names = new OriginNames(address => {
    asked.push(address);
    return 'pods';
  }, unreachable);

  expect(['10.1.0.1', '10.1.0.2', '10.1.0.1'].map(address => names.of(address))).toEqual(['pods', 'pods', 'pods']);
  expect(asked).toEqual(['10.1.0.1', '10.1.0.2']);
});

test('it stays bounded, whatever the program connects to', () => {
  let asked = 0;
  const names = new OriginNames(() => `name${++asked}`, unreachable);
  for (let i = 0; i <= 5_000; i++) names.of(`host${i}`);
  names.of('host5000');
  expect(asked).toBe(5_001);

  names.of('host0');
  expect(asked).toBe(5_002);
});

test('if it throws, the address stays hidden, and the program goes on', () => {
  const faults: unknown[] = [];
  const error = new Error('broken');
  const names = new OriginNames(
    () => {
      throw error;
    },
    fault => faults.push(fault),
  );

  expect(names.of('secret.test')).toBe('_OTHER');
  expect(names.of('secret.test')).toBe('_OTHER');
  expect(faults).toEqual([error]);
});

test.each([[undefined], [7], [''], ['http://user:password@host/'], [{}]])(
  'an answer that is no name (%j) is unknown',
  given => {
    expect(new OriginNames(() => given as never, unreachable).of('a.test')).toBe('unknown');
  },
);

test('a path of a Unix socket can keep its name', () => {
  expect(new OriginNames(address => address, unreachable).of('/run/db.sock')).toBe('/run/db.sock');
});

test.each([
  ['10.1.2.3', 'pods'],
  ['10x1.2.3', '10x1.2.3'],
  ['10.11.2.3', '10.11.2.3'],
  ['my-bucket.S3.amazonaws.com', 's3'],
  ['s3.amazonaws.com', 's3.amazonaws.com'],
  ['a.b', 'first'],
])('%s has the name %s, by the first pattern that matches', (address, name) => {
  const nameOf = nameByPattern([
    { pattern: '10.1.*', name: 'pods' },
    { pattern: '*.s3.amazonaws.com', name: 's3' },
    { pattern: 'a.b', name: 'first' },
    { pattern: 'a.*', name: 'second' },
  ]);

  expect(nameOf(address)).toBe(name);
});
