import { expect, test, vi } from 'vitest';
import { BLOCK_BYTES, SharedMemory, setUsed, usedOf } from '../../../src/register/threads/memory.ts';

function joined(memory: SharedMemory, threadId: number, parentId = 0): number {
  const entry = memory.join(threadId, parentId);
  if (entry === undefined) throw new Error('no room');
  return entry;
}

test('a thread that has ended takes those with it that it started', () => {
  const memory = SharedMemory.create();
  const [parent, child, grandchild, other] = [
    joined(memory, 1),
    joined(memory, 2, 1),
    joined(memory, 3, 2),
    joined(memory, 4),
  ];

  memory.ended(1);

  expect([parent, child, grandchild, other].map(entry => memory.stateOf(entry))).toEqual([
    'ended',
    'ended',
    'ended',
    'running',
  ]);
});

test('a block belongs to one thread, begins empty, and is used again when its thread has ended', () => {
  const memory = SharedMemory.create();
  const [one, other] = [joined(memory, 1), joined(memory, 2)];
  const block = memory.take(one, 'series');
  const foreign = memory.take(other, 'uncounted');
  block?.bytes.fill(7, 16);
  if (block !== undefined) setUsed(block, BLOCK_BYTES);

  expect(memory.blocksOf(one).map(({ bytes }) => bytes.byteOffset)).toEqual([block?.bytes.byteOffset]);
  expect(memory.blocksOf(other).map(({ kind }) => kind)).toEqual(['uncounted']);
  memory.ended(1);
  memory.release(one);
  const again = memory.take(joined(memory, 3), 'series');

  expect(again?.bytes.byteOffset).toBe(block?.bytes.byteOffset);
  expect(again?.bytes.subarray(16).every(byte => byte === 0)).toBe(true);
  expect(again && usedOf(again)).toBe(16);
  expect(memory.blocksOf(other)[0]?.bytes.byteOffset).toBe(foreign?.bytes.byteOffset);
});

test('there is room for a thousand threads, and a full memory is reported', () => {
  const memory = SharedMemory.create(16 * 1024 * 1024);
  for (let id = 1; id <= 1_000; id++) expect(memory.join(id, 0)).toBeDefined();
  expect(memory.join(1_001, 0)).toBeUndefined();

  let blocks = 0;
  while (memory.take(0, 'series') !== undefined) blocks++;

  expect(blocks).toBeGreaterThan(2_000);
  expect(memory.buffer.byteLength).toBe(memory.buffer.maxByteLength);
  expect(memory.take(1, 'series')).toBeUndefined();
});

test('if the system reserves no memory, the main thread goes on, and other threads get none', () => {
  const Real = SharedArrayBuffer;
  vi.stubGlobal(
    'SharedArrayBuffer',
    class extends Real {
      constructor(length: number, options?: { readonly maxByteLength: number }) {
        if (options !== undefined) throw new RangeError('Array buffer allocation failed');
        super(length);
      }
    },
  );
  const memory = SharedMemory.create();
  vi.unstubAllGlobals();

  expect(memory.take(joined(memory, 1), 'series')).toBeUndefined();
});

test('a question and an answer wake those that wait for them', async () => {
  const memory = SharedMemory.create();
  const entry = joined(memory, 1);
  const [question, news] = [memory.nextQuestion(memory.turn), memory.nextNews(memory.news)];

  const turn = memory.ask();
  await question;
  memory.answered(entry, turn);
  await news;

  expect(memory.answerOf(entry)).toBe(memory.turn);
  await memory.nextNews(0); // there were news since
});
