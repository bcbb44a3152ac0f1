import { expect, test } from 'vitest';
import { expectReuse, type ReuseLimits, watchConnections } from '../../src/testing.ts';

test.each<[string, unknown, string, string]>([
  ['null', null, 'TypeError', 'connmeter: options must be an object, got null'],
  [
    'a misspelt option',
    { open: 1 },
    'TypeError',
    'connmeter: unknown option "open", expected "origin", "opened", "held", "failed"',
  ],
  ['text', { opened: '1' }, 'TypeError', 'connmeter: option "opened" must be a whole number from 0, got "1"'],
  ['less than 0', { held: -1 }, 'RangeError', 'connmeter: option "held" must be a whole number from 0, got -1'],
  ['a fraction', { failed: 0.5 }, 'RangeError', 'connmeter: option "failed" must be a whole number from 0, got 0.5'],
  [
    'no number',
    { opened: Number.NaN },
    'RangeError',
    'connmeter: option "opened" must be a whole number from 0, got NaN',
  ],
  [
    'a URL',
    { origin: 'http://a.test:80' },
    'RangeError',
    'connmeter: option "origin" must be "host:port" or the path of a Unix socket, got "http://a.test:80"',
  ],
  [
    'a host without a port',
    { origin: 'a.test' },
    'RangeError',
    'connmeter: option "origin" must be "host:port" or the path of a Unix socket, got "a.test"',
  ],
  [
    'a port alone',
    { origin: 80 },
    'TypeError',
    'connmeter: option "origin" must be "host:port" or the path of a Unix socket, got 80',
  ],
])('%s is rejected before the function runs', async (_what, limits, name, message) => {
  let hasRun = false;
  const outcome = expectReuse(() => {
    hasRun = true;
  }, limits as ReuseLimits);

  await expect(outcome).rejects.toMatchObject({ name, message });
  expect(hasRun).toBe(false);
});

test('what is not a function is rejected', async () => {
  const message = 'connmeter: fn must be a function, got Promise { 1 }';

  await expect(expectReuse(Promise.resolve(1) as never)).rejects.toThrow(new TypeError(message));
  await expect(watchConnections(Promise.resolve(1) as never)).rejects.toThrow(new TypeError(message));
});

test('watchConnections has no limits', async () => {
  await expect(watchConnections(() => 1, { opened: 1 } as never)).rejects.toThrow(
    new TypeError('connmeter: unknown option "opened", expected "origin"'),
  );
});

test('undefined means the default, and Infinity no limit', async () => {
  const limits = { opened: undefined, held: Infinity, failed: undefined, origin: undefined };

  await expect(expectReuse(() => 1, limits)).resolves.toBe(1);
});

test('a server that the function does not call is an error, because a limit for it would never fail', async () => {
  await expect(expectReuse(() => 1, { origin: 'localhost:80' })).rejects.toThrow(
    new RangeError(
      'connmeter: option "origin" must be a server that the function calls, got "localhost:80"; it called no server',
    ),
  );
});
