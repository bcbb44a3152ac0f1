import { expect, test } from 'vitest';
import { guardWith, oncePerPlace, stackOf } from '../../src/core/guard.ts';

test('a guarded function gets its this and up to five arguments', () => {
  const calls: unknown[] = [];
  const guard = guardWith(() => {});
  const socket = {};

  guard('here', function (this: object, a: number, b: number, c: number, d: number, e: number) {
    calls.push([this, a, b, c, d, e]);
  }).call(socket, 1, 2, 3, 4, 5);

  expect(calls).toEqual([[socket, 1, 2, 3, 4, 5]]);
  expect((calls[0] as unknown[])[0]).toBe(socket);
});

test('a fault is reported with its place, and not rethrown', () => {
  const faults: unknown[] = [];
  const guard = guardWith((where, error) => faults.push([where, error]));
  const fault = new Error('ours');

  guard('here', () => {
    throw fault;
  })();

  expect(faults).toEqual([['here', fault]]);
});

test('an error of the reporter is not rethrown either', () => {
  const guard = guardWith(() => {
    throw new Error('the logger is broken');
  });
  const run = guard('here', () => {
    throw new Error('ours');
  });

  expect(run).not.toThrow();
});

test('nothing is reported without a fault', () => {
  const faults: unknown[] = [];
  const guard = guardWith((...fault) => faults.push(fault));

  guard('here', () => {})();

  expect(faults).toEqual([]);
});

test('each place reports its first fault only', () => {
  const faults: unknown[] = [];
  const report = oncePerPlace((where, error) => faults.push([where, error]));

  report('here', 1);
  report('here', 2);
  report('there', 3);
  report('here', 4);

  expect(faults).toEqual([
    ['here', 1],
    ['there', 3],
  ]);
});

test('a failed report is not repeated, so that a broken logger costs nothing at later faults', () => {
  let tries = 0;
  const report = oncePerPlace(() => {
    tries++;
    throw new Error('the logger is broken');
  });

  for (let i = 0; i < 3; i++) {
    try {
      report('here', i);
    } catch {
      // the guard catches this
    }
  }

  expect(tries).toBe(1);
});

test('the report has the type and the stack frames of an error, but not its message or properties', () => {
  const invalid = (() => {
    try {
      return new URL('http://user:hunter2@[bad');
    } catch (error) {
      return error;
    }
  })();

  expect(invalid).toMatchObject({ input: expect.stringContaining('hunter2') });
  expect(stackOf(invalid)).toMatch(/^TypeError\n {4}at [\s\S]*guard\.test\.ts/);
  expect(stackOf(invalid)).not.toContain('hunter2');
  expect(stackOf(new Error('hunter2\nhunter2'))).not.toContain('hunter2');
});

test.each([
  [undefined, 'undefined'],
  [null, 'object'],
  ['hunter2', 'string'],
  [{ name: 7 }, '7'],
])('of %j, thrown in an error’s place, little is told', (thrown, told) => {
  expect(stackOf(thrown)).toBe(told);
});
