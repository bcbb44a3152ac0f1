import { channel } from 'node:diagnostics_channel';
import { expect, test } from 'vitest';
import { subscribeAll } from '../../src/core/channels.ts';
import { guardWith } from '../../src/core/guard.ts';

test('every handler of every table runs until it is unsubscribed, also two of the same channel', () => {
  const heard: string[] = [];
  const guard = guardWith(() => {});
  const hear = (who: string) =>
    subscribeAll(guard, { 'connmeter.test': (message: string) => void heard.push(`${who} ${message}`) });

  const undo = [hear('a'), hear('b')];
  channel('connmeter.test').publish('one');
  undo[0]?.();
  channel('connmeter.test').publish('two');
  undo[1]?.();
  channel('connmeter.test').publish('three');

  expect(heard).toEqual(['a one', 'b one', 'b two']);
  expect(channel('connmeter.test').hasSubscribers).toBe(false);
});

test('a throwing handler is reported with its channel, and does not affect the publisher', () => {
  const faults: string[] = [];
  const error = new Error('ours');
  const undo = subscribeAll(
    guardWith((where, fault) => faults.push(`${where}: ${fault}`)),
    {
      'connmeter.test': () => {
        throw error;
      },
    },
  );

  channel('connmeter.test').publish('one');
  undo();

  expect(faults).toEqual(['connmeter.test: Error: ours']);
});
