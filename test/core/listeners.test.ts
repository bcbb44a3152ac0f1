import { EventEmitter } from 'node:events';
import { setImmediate as round } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { guardWith } from '../../src/core/guard.ts';
import {
  excludeFromMaxListeners,
  guardedListeners,
  includeInMaxListeners,
  prependListeners,
} from '../../src/core/listeners.ts';

/** An emitter that we listen to, and how often we heard something. */
function heard() {
  let times = 0;
  const listeners = guardedListeners(guardWith(expect.unreachable), {
    close: () => {
      times++;
    },
  });
  return { emitter: new EventEmitter(), listeners, times: () => times };
}

/** The warnings of too many listeners, from now to the end of the test. */
function warnings(): string[] {
  const seen: string[] = [];
  const note = ({ message }: Error) => void seen.push(message.replace(/.*detected\. | Use .*/g, ''));
  process.on('warning', note);
  onTestFinished(() => void process.removeListener('warning', note));
  return seen;
}

const add = (emitter: EventEmitter, count: number) => {
  for (let i = 0; i < count; i++) emitter.on('close', () => {});
};

test('our listeners run before all others, and once', () => {
  const { emitter, listeners, times } = heard();
  const order: string[] = [];
  emitter.on('close', () => order.push(`heard ${times()}`));

  prependListeners(emitter, listeners);
  prependListeners(emitter, listeners);
  emitter.emit('close');

  expect(order).toEqual(['heard 1']);
});

test.each([
  ['the default limit', undefined, 10],
  ['a limit of its own', 4, 4],
])('with %s, adding our listeners never warns, and the limit stays', async (_what, own, limit) => {
  const seen = warnings();
  const { emitter, listeners, times } = heard();
  if (own !== undefined) emitter.setMaxListeners(own);
  add(emitter, limit);

  prependListeners(emitter, listeners);
  await round();
  emitter.emit('close');

  expect(seen).toEqual([]);
  expect(times()).toBe(1);
  expect([emitter.getMaxListeners(), EventEmitter.defaultMaxListeners]).toEqual([limit, 10]);
});

test.each([3, 1])('our listeners do not count against a limit of %i, and are still called', async limit => {
  const seen = warnings();
  const { emitter, listeners, times } = heard();
  prependListeners(emitter, listeners);
  excludeFromMaxListeners(emitter);
  emitter.setMaxListeners(limit);

  for (let i = 1; i <= limit; i++) {
    add(emitter, 1);
    await round();
  }
  expect(seen).toEqual([]);
  add(emitter, 1);
  await round();
  emitter.emit('close');

  expect(seen).toEqual([`${limit + 1} close listeners added to [EventEmitter]. MaxListeners is ${limit}.`]);
  expect(times()).toBe(1);
  expect(emitter.listenerCount('close')).toBe(limit + 2);
});

test('without a limit our listeners stay in place', async () => {
  const { emitter, listeners, times } = heard();
  prependListeners(emitter, listeners);
  excludeFromMaxListeners(emitter);
  emitter.setMaxListeners(0);

  add(emitter, 50);
  emitter.emit('close'); // in the same turn

  expect(times()).toBe(1);
});

test('listeners that are included in the limit count as others do', async () => {
  const seen = warnings();
  const { emitter, listeners } = heard();
  prependListeners(emitter, listeners);
  excludeFromMaxListeners(emitter);

  includeInMaxListeners(emitter);
  add(emitter, 10);
  await round();

  expect(emitter.eventNames()).toEqual(['close']);
  expect(seen).toEqual(['11 close listeners added to [EventEmitter]. MaxListeners is 10.']);
});

test('a class with an emit of its own sees no additional event', () => {
  const emitted: unknown[] = [];
  class Looking extends EventEmitter {
    override emit(event: string, ...args: unknown[]): boolean {
      emitted.push(event);
      return super.emit(event, ...args);
    }
  }
  const looking = new Looking();

  excludeFromMaxListeners(looking);
  add(looking, 1);

  expect(emitted).toEqual([]);
});

test('a newListener listener of the program that throws changes nothing for the program', async () => {
  const seen = warnings();
  const { emitter, listeners } = heard();
  prependListeners(emitter, listeners);
  excludeFromMaxListeners(emitter);
  let adding = true;
  emitter.on('newListener', () => {
    if (!adding) throw new Error('nobody else may listen');
  });
  emitter.setMaxListeners(1);

  add(emitter, 1);
  adding = false;
  await round();

  expect([emitter.getMaxListeners(), EventEmitter.defaultMaxListeners]).toEqual([1, 10]);
  expect(seen).toEqual([]);
});
