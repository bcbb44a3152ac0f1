import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { Exposition, lengthOf, MAX_AGE, type Text } from '../../src/register/exposition.ts';
import { deferredText } from '../support/metrics-server.ts';
import { writing } from '../support/written-text.ts';

function numbered(onFault: (error: unknown) => void = error => expect.unreachable(String(error))) {
  let made = 0;
  return new Exposition(async () => writing([`text ${++made}`]), onFault);
}

const textOf = (text: Text | undefined) => text?.plain.map(String).join('') ?? '';

test('all requests during a collection share one text in memory', async () => {
  const waiting = deferredText();
  let collections = 0;
  const exposition = new Exposition(
    () => {
      collections++;
      return waiting.promise.then(text => writing([text]));
    },
    error => expect.unreachable(String(error)),
  );

  const asked = [exposition.read(), exposition.read(), exposition.read()];
  waiting.resolve('text');
  const [first, ...others] = await Promise.all(asked);

  expect(textOf(first)).toBe('text');
  for (const other of others) expect(other).toBe(first);
  expect(collections).toBe(1);
});

/** Creates texts while blocking the event loop. */
function costly(milliseconds: number) {
  let made = 0;
  return new Exposition(
    async () => {
      for (const until = performance.now() + milliseconds; performance.now() < until; );
      return writing([`text ${++made}`]);
    },
    error => expect.unreachable(String(error)),
  );
}

test('occasional requests get a new text each time', async () => {
  const exposition = numbered();

  for (let i = 1; i <= 3; i++) {
    await wait(20);
    expect(textOf(await exposition.read())).toBe(`text ${i}`);
  }
});

test('a request that arrives while a collection blocks the event loop shares its text', async () => {
  const exposition = costly(50);

  const first = await exposition.read();

  expect(await exposition.read()).toBe(first);
});

test('when collections exceed their share of time, a text is reused for one second', async () => {
  const exposition = costly(60);
  const texts: string[] = [];
  while (texts.at(-1) !== texts.at(-2) || texts.length < 2) {
    texts.push(textOf(await exposition.read()));
    await wait(30);
  }
  await wait(MAX_AGE);
  const later = await exposition.read();

  expect(texts.length).toBeLessThanOrEqual(4); // the first one is free, and two of 60 ms are more than what is spare
  expect(texts).not.toContain(textOf(later));
});

test('collections never exceed their share of time, however many requests arrive', async () => {
  const exposition = costly(20);
  const began = performance.now();
  const texts = new Set<Text>();

  while (performance.now() - began < 2_000) {
    texts.add(await exposition.read());
    await wait(1);
  }

  expect(texts.size).toBeLessThanOrEqual(1 + 5 + 2 + 5); // the first, the reserve, one per second, the share of 2 s
});

test('a text expires after one second even if a busy event loop delays its timer', async () => {
  const exposition = numbered();
  await exposition.read();

  for (const until = performance.now() + MAX_AGE; performance.now() < until; );

  expect(exposition.latest).toBeUndefined();
  expect(textOf(await exposition.read())).toBe('text 2');
});

test('the latest text is available for one second without a collection', async () => {
  const exposition = numbered();
  expect(exposition.latest).toBeUndefined();

  const text = await exposition.read();
  expect(exposition.latest).toBe(text);
  await wait(MAX_AGE + 100);

  expect(exposition.latest).toBeUndefined();
  expect(textOf(await exposition.read())).toBe('text 2');
});

test('the text is released between scrapes', async () => {
  const exposition = numbered();
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const text = new WeakRef(await exposition.read());
  const isKept = () => {
    collectGarbage();
    return text.deref() !== undefined;
  };
  await wait(10); // a WeakRef keeps its target until the turn ends
  expect(isKept()).toBe(true);

  await wait(MAX_AGE + 100);

  await expect.poll(isKept).toBe(false);
});

test('a failed collection fails for all waiting requests, and is reported once', async () => {
  const faults: unknown[] = [];
  let collections = 0;
  const fault = new Error('at the first time');
  const exposition = new Exposition(
    async () => {
      for (const until = performance.now() + 20; performance.now() < until; );
      if (++collections === 1) throw fault;
      return writing(['text']);
    },
    error => faults.push(error),
  );

  const outcomes = await Promise.allSettled([exposition.read(), exposition.read()]);
  outcomes.push(...(await Promise.allSettled([exposition.read()])));

  expect(outcomes).toEqual(Array(3).fill({ status: 'rejected', reason: fault }));
  expect(faults).toEqual([fault]);
  expect(exposition.latest).toBeUndefined();
  await wait(30);
  expect(textOf(await exposition.read())).toBe('text');
});

test('a fault thrown synchronously is a failed collection, too', async () => {
  const faults: unknown[] = [];
  const exposition = new Exposition(
    () => {
      throw new Error('at once');
    },
    error => faults.push(error),
  );

  await expect(exposition.read()).rejects.toThrow('at once');
  expect(faults).toHaveLength(1);
});

test('the program runs between two pieces of a text', async () => {
  const happened: string[] = [];
  function* pieces() {
    for (let i = 1; i <= 3; i++) {
      happened.push(`piece ${i}`);
      setImmediate(() => happened.push('the program'));
      yield `${i} `;
    }
  }
  const exposition = new Exposition(
    async () => writing(pieces()),
    error => expect.unreachable(String(error)),
  );

  expect(textOf(await exposition.read())).toBe('1 2 3 ');
  expect(happened.slice(0, 4)).toEqual(['piece 1', 'the program', 'piece 2', 'the program']);
});

test('a long text is not joined, which would take longer than to write a piece of it', async () => {
  const pieces = ['a'.repeat(200_000), 'ü'.repeat(100_000), 'c'.repeat(300_000), 'ünï'];
  const exposition = new Exposition(
    async () => writing(pieces),
    error => expect.unreachable(String(error)),
  );

  const text = await exposition.read();

  expect(text.plain.map(String)).toEqual(pieces);
  expect(lengthOf(text.plain)).toBe(700_005);
  expect(String(gunzipSync(Buffer.concat(await text.gzip())))).toBe(pieces.join(''));
});

test('the memory of a text is used again, but not before everybody has read it', async () => {
  const exposition = numbered();
  const first = await exposition.read();
  const release = first.use();
  await wait(MAX_AGE + 20);
  const second = await exposition.read();

  expect(textOf(first)).toBe('text 1');
  expect(textOf(second)).toBe('text 2');

  release();
  release(); // once more changes nothing
  const compressed = second.gzip();
  await wait(MAX_AGE + 20);
  const third = await exposition.read();
  expect(third.plain[0]?.buffer).toBe(second.plain[0]?.buffer); // the pages that were freed last are taken first
  expect(textOf(third)).toBe('text 3');
  expect(String(gunzipSync(Buffer.concat(await compressed)))).toBe('text 2');
  const fourth = await new Promise<Text>(resolve => setTimeout(() => resolve(exposition.read()), 120));
  expect(fourth.plain[0]?.buffer).toBe(first.plain[0]?.buffer);
});

test('a piece that throws fails the collection, and the next one is new', async () => {
  const faults: unknown[] = [];
  let isBroken = true;
  const exposition = new Exposition(
    async () =>
      function* (out) {
        out.text('one ');
        yield;
        if (isBroken) throw new Error('broken');
        out.text('two');
      },
    error => void faults.push(error),
  );

  await expect(exposition.read()).rejects.toThrow('broken');
  isBroken = false;
  await wait(MAX_AGE);

  expect(faults).toHaveLength(1);
  expect(textOf(await exposition.read())).toBe('one two');
});

test('a text is compressed once, however many ask for it', async () => {
  const text = await numbered().read();
  const [one, other] = await Promise.all([text.gzip(), text.gzip()]);

  expect(one).toBe(other);
  expect(String(gunzipSync(Buffer.concat(one)))).toBe('text 1');
});
