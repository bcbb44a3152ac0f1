/** Reserved, not used: only what is written takes up memory. Half of it is tried if the system refuses. */
const MAX_BYTES = 256 * 1024 * 1024;
const MIN_BYTES = 16 * 1024 * 1024;
export const BLOCK_BYTES = 8 * 1024;
/** What a block begins with. */
export const BLOCK_HEADER_BYTES = 16;
const MAX_BLOCKS = MAX_BYTES / BLOCK_BYTES;
/** How many blocks are added at a time. */
const BLOCKS_PER_GROWTH = 16;
const MAX_THREADS = 1_000;

/** Indices of 32-bit integers: first those that are there once, then an entry per thread, then the owner of each block. */
const TURN = 0;
const NEWS = 1;
const MEASURED = 2;
const THREADS = 16;
const INTS_PER_THREAD = 4;
const THREAD_ID = 0;
const PARENT_ID = 1;
const STATE = 2;
const ANSWERED = 3;
const OWNERS = THREADS + INTS_PER_THREAD * MAX_THREADS;
const TABLE_BYTES = Math.ceil(((OWNERS + MAX_BLOCKS) * 4) / BLOCK_BYTES) * BLOCK_BYTES;

/** In the header of a block. */
const USED = 0;
const KIND = 1;

/** `exiting`: it has run its exit handler. `ended`: it cannot write any more. */
export type ThreadState = (typeof STATES)[number];
const STATES = ['joining', 'running', 'exiting', 'ended'] as const;

export type BlockKind = (typeof KINDS)[number];
const KINDS = ['series', 'uncounted'] as const;

/** A piece of the memory that one thread writes. */
export interface Block {
  readonly kind: BlockKind;
  readonly ints: Int32Array;
  readonly floats: Float64Array;
  readonly bytes: Buffer;
}

// Kept, because the program may replace it.
const { waitAsync } = Atomics;
const settled = Promise.resolve();

/**
 * The memory that all threads of a process share. A thread joins, takes blocks and writes them; the main thread reads them at
 * any time, and takes them back when the thread has ended. There are no locks, because a thread can be terminated anywhere.
 */
export class SharedMemory {
  readonly buffer: SharedArrayBuffer;
  readonly #ints: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#ints = new Int32Array(buffer, 0, TABLE_BYTES / 4);
  }

  static create(maxByteLength = MAX_BYTES): SharedMemory {
    try {
      return new SharedMemory(new SharedArrayBuffer(TABLE_BYTES, { maxByteLength }));
    } catch {
      // Without room to grow, other threads say that they are not measured, but this one is.
      if (maxByteLength <= MIN_BYTES) return new SharedMemory(new SharedArrayBuffer(TABLE_BYTES));

      return SharedMemory.create(maxByteLength / 2);
    }
  }

  /** A thread joins. Returns its entry; undefined if there are too many threads. */
  join(threadId: number, parentId: number): number | undefined {
    for (let entry = 0; entry < MAX_THREADS; entry++) {
      if (Atomics.compareExchange(this.#ints, fieldOf(entry, THREAD_ID), 0, threadId) !== 0) continue;

      Atomics.store(this.#ints, fieldOf(entry, PARENT_ID), parentId);
      Atomics.store(this.#ints, fieldOf(entry, ANSWERED), this.turn);
      this.#setState(entry, 'running');
      return entry;
    }
    return undefined;
  }

  /** The entries of all threads. */
  get entries(): number[] {
    const entries: number[] = [];
    for (let entry = 0; entry < MAX_THREADS; entry++) {
      if (Atomics.load(this.#ints, fieldOf(entry, THREAD_ID)) !== 0) entries.push(entry);
    }
    return entries;
  }

  stateOf(entry: number): ThreadState {
    return STATES[Atomics.load(this.#ints, fieldOf(entry, STATE))] ?? 'joining';
  }

  /** The thread of this entry runs its exit handler. */
  exiting(entry: number): void {
    this.#setState(entry, 'exiting');
    this.#tell();
  }

  /** A thread has ended, and with it all threads that it started. */
  ended(threadId: number): void {
    for (const entry of this.entries) {
      const id = Atomics.load(this.#ints, fieldOf(entry, THREAD_ID));
      if (id === threadId) this.#setState(entry, 'ended');
      else if (Atomics.load(this.#ints, fieldOf(entry, PARENT_ID)) === threadId) this.ended(id);
    }
    this.#tell();
  }

  /** A thread has begun to measure something. */
  measures(): void {
    if (Atomics.exchange(this.#ints, MEASURED, 1) === 0) this.#tell();
  }

  /** Whether any thread has ever measured something. */
  get hasMeasured(): boolean {
    return Atomics.load(this.#ints, MEASURED) === 1;
  }

  /** Asks all threads to bring their numbers up to date. Returns the number of the question. */
  ask(): number {
    const turn = Atomics.add(this.#ints, TURN, 1) + 1;
    Atomics.notify(this.#ints, TURN);
    return turn;
  }

  /** The number of the last question. */
  get turn(): number {
    return Atomics.load(this.#ints, TURN);
  }

  answered(entry: number, turn: number): void {
    Atomics.store(this.#ints, fieldOf(entry, ANSWERED), turn);
    this.#tell();
  }

  /** The last question that the thread has answered. */
  answerOf(entry: number): number {
    return Atomics.load(this.#ints, fieldOf(entry, ANSWERED));
  }

  /** Resolves when there is another question than `turn`. Keeps no thread alive. */
  nextQuestion(turn: number): Promise<unknown> {
    return this.#change(TURN, turn);
  }

  get news(): number {
    return Atomics.load(this.#ints, NEWS);
  }

  /** Resolves when a thread has answered or ended since `news`. Keeps no thread alive. */
  nextNews(news: number): Promise<unknown> {
    return this.#change(NEWS, news);
  }

  /** Takes a block for a thread. Undefined if the memory is full. */
  take(entry: number, kind: BlockKind): Block | undefined {
    const last = (this.buffer.maxByteLength - TABLE_BYTES) / BLOCK_BYTES;
    for (let index = 0; index < last; index++) {
      if (Atomics.load(this.#ints, OWNERS + index) !== 0) continue;
      if (Atomics.compareExchange(this.#ints, OWNERS + index, 0, entry + 1) !== 0) continue;
      if (index >= this.#blocks) this.#grow(index + BLOCKS_PER_GROWTH);

      const block = this.#block(index, kind);
      block.bytes.fill(0);
      Atomics.store(block.ints, KIND, KINDS.indexOf(kind));
      Atomics.store(block.ints, USED, BLOCK_HEADER_BYTES);
      return block;
    }
    return undefined;
  }

  /** The blocks of a thread, in an order that does not change. */
  blocksOf(entry: number): Block[] {
    const blocks: Block[] = [];
    for (let index = 0; index < this.#blocks; index++) {
      if (Atomics.load(this.#ints, OWNERS + index) !== entry + 1) continue;

      const block = this.#block(index);
      if (usedOf(block) > 0) blocks.push(block);
    }
    return blocks;
  }

  /** Makes the entry and the blocks of a thread that has ended free for others. */
  release(entry: number): void {
    for (const block of this.blocksOf(entry)) Atomics.store(block.ints, USED, 0);
    for (let index = 0; index < MAX_BLOCKS; index++) {
      if (Atomics.load(this.#ints, OWNERS + index) === entry + 1) Atomics.store(this.#ints, OWNERS + index, 0);
    }
    for (const field of [STATE, PARENT_ID, ANSWERED, THREAD_ID]) Atomics.store(this.#ints, fieldOf(entry, field), 0);
  }

  get #blocks(): number {
    return (this.buffer.byteLength - TABLE_BYTES) / BLOCK_BYTES;
  }

  #block(index: number, kind?: BlockKind): Block {
    const { buffer } = this;
    const start = TABLE_BYTES + index * BLOCK_BYTES;
    const ints = new Int32Array(buffer, start, BLOCK_BYTES / 4);
    return {
      kind: kind ?? KINDS[Atomics.load(ints, KIND)] ?? 'series',
      ints,
      floats: new Float64Array(buffer, start, BLOCK_BYTES / 8),
      bytes: Buffer.from(buffer, start, BLOCK_BYTES),
    };
  }

  #grow(blocks: number): void {
    const bytes = Math.min(TABLE_BYTES + blocks * BLOCK_BYTES, this.buffer.maxByteLength);
    try {
      this.buffer.grow(bytes);
    } catch (error) {
      if (this.buffer.byteLength < bytes) throw error; // otherwise another thread was faster
    }
  }

  #setState(entry: number, state: ThreadState): void {
    Atomics.store(this.#ints, fieldOf(entry, STATE), STATES.indexOf(state));
  }

  #tell(): void {
    Atomics.add(this.#ints, NEWS, 1);
    Atomics.notify(this.#ints, NEWS);
  }

  #change(index: number, from: number): Promise<unknown> {
    const { async, value } = waitAsync(this.#ints, index, from);
    return async ? value : settled;
  }
}

/** How many bytes of a block are written. The others may still change. */
export function usedOf({ ints }: Block): number {
  return Atomics.load(ints, USED);
}

/** All bytes up to here are written, and readers may use them. */
export function setUsed({ ints }: Block, bytes: number): void {
  Atomics.store(ints, USED, bytes);
}

function fieldOf(entry: number, field: number): number {
  return THREADS + entry * INTS_PER_THREAD + field;
}
