import type { Count } from '../../metrics/address-counts.ts';
import { addValue, BOUNDARIES, emptyDistribution, type HistogramName } from '../../metrics/histograms.ts';
import type { Uncounted, UncountedRecords } from '../../metrics/uncounted.ts';
import type { Numbers } from '../processes/numbers.ts';
import { BLOCK_BYTES, type Block, type SharedMemory } from './memory.ts';
import type { Slots } from './series.ts';
import { SharedCount } from './shared-count.ts';

/** A block has records of this size; the first place is taken by its header. */
const RECORD_BYTES = 1024;
const RECORDS_PER_BLOCK = BLOCK_BYTES / RECORD_BYTES - 1;
/** A record begins with two integers. */
const HEADER_BYTES = 8;
/** Connections that wait to be counted. For more than these, their thread has to run. */
const MAX_RECORDS = 1_024;

// The first integer of a record is its state in the lowest two bits, and how often it was written in the others: so a reader
// sees whether what it has read is still there. The second one is the length of the text.
const FREE = 0;
const WAITING = 1;
const COUNTED = 2;
const STATE_MASK = 3;

interface Place {
  readonly block: Block;
  readonly at: number;
}

/** Writes the records of a thread. */
export class UncountedWriter implements UncountedRecords {
  readonly #memory: SharedMemory;
  readonly #entry: number;
  readonly #places: Place[] = [];
  readonly #free: number[] = [];

  constructor(memory: SharedMemory, entry: number) {
    this.#memory = memory;
    this.#entry = entry;
  }

  write(what: Uncounted, earlier: number | undefined): number | 'counted' | undefined {
    const record = this.#prepare(what);
    if (earlier === undefined) {
      if (record !== undefined) replace(undefined, this.#places[record]);
      return record;
    }
    const isReplaced = replace(this.#places[earlier], record === undefined ? undefined : this.#places[record]);
    this.#free.push(earlier);
    if (isReplaced) return record;

    if (record !== undefined) this.#free.push(record);
    return 'counted';
  }

  count(record: number, opened: Count | undefined, requests: Count | undefined): boolean {
    this.#free.push(record);
    return countOnce(this.#places[record] as Place, slotsOf(opened), slotsOf(requests));
  }

  /** Writes the text of a record that nobody reads yet. */
  #prepare(what: Uncounted): number | undefined {
    const text = JSON.stringify(what);
    if (Buffer.byteLength(text) > RECORD_BYTES - HEADER_BYTES) return undefined;
    if (this.#free.length === 0) this.#addPlaces();
    const record = this.#free.pop();
    if (record === undefined) return undefined;

    const { block, at } = this.#places[record] as Place;
    block.ints[at / 4 + 1] = block.bytes.write(text, at + HEADER_BYTES);
    return record;
  }

  #addPlaces(): void {
    if (this.#places.length >= MAX_RECORDS) return;

    const block = this.#memory.take(this.#entry, 'uncounted');
    if (block === undefined) return;

    for (let place = 1; place <= RECORDS_PER_BLOCK; place++) {
      this.#free.push(this.#places.push({ block, at: place * RECORD_BYTES }) - 1);
    }
  }
}

// V8 terminates a thread only where a function or a round of a loop begins. The next two functions call no other function of
// JavaScript after their first write, and have no loop: either all of their writes happen, or none.

/** Removes one record and makes another one readable. Returns false, and does neither, if the first one is counted. */
function replace(earlier: Place | undefined, record: Place | undefined): boolean {
  const before = earlier === undefined ? 0 : Atomics.load(earlier.block.ints, earlier.at / 4);
  const now = record === undefined ? 0 : nextState(Atomics.load(record.block.ints, record.at / 4));
  if (earlier !== undefined) {
    if ((before & STATE_MASK) !== WAITING) return false;

    const removed = (before & ~STATE_MASK) | FREE;
    if (Atomics.compareExchange(earlier.block.ints, earlier.at / 4, before, removed) !== before) return false;
  }
  if (record !== undefined) Atomics.store(record.block.ints, record.at / 4, now);
  return true;
}

/** Removes a record and adds 1 to two values. Returns false, and does neither, if the record is counted. */
function countOnce({ block, at }: Place, first: Slots | undefined, second: Slots | undefined): boolean {
  const before = Atomics.load(block.ints, at / 4);
  if ((before & STATE_MASK) !== WAITING) return false;

  const removed = (before & ~STATE_MASK) | FREE;
  if (Atomics.compareExchange(block.ints, at / 4, before, removed) !== before) return false;

  if (first !== undefined) (first.floats[first.start] as number)++;
  if (second !== undefined) (second.floats[second.start] as number)++;
  return true;
}

/** The state of a record that is written again. */
function nextState(state: number): number {
  return ((state & ~STATE_MASK) + STATE_MASK + 1) | WAITING;
}

/** Undefined if there was no room for the count in shared memory. */
function slotsOf(count: Count | undefined): Slots | undefined {
  return count instanceof SharedCount ? count : undefined;
}

/** Takes what a thread has not counted. It will not count that any more. */
export function takeUncounted(memory: SharedMemory, entry: number): Numbers[] {
  const taken: Numbers[] = [];
  for (const block of memory.blocksOf(entry)) {
    if (block.kind !== 'uncounted') continue;

    for (let place = 1; place <= RECORDS_PER_BLOCK; place++) {
      const what = takeRecord(block, place * RECORD_BYTES);
      if (what !== undefined) taken.push(numbersOfUncounted(what));
    }
  }
  return taken;
}

function takeRecord({ ints, bytes }: Block, at: number): Uncounted | undefined {
  const state = Atomics.load(ints, at / 4);
  if ((state & STATE_MASK) !== WAITING) return undefined;

  const text = at + HEADER_BYTES;
  const copy = bytes.toString('utf8', text, text + (ints[at / 4 + 1] as number));
  const isTaken = Atomics.compareExchange(ints, at / 4, state, (state & ~STATE_MASK) | COUNTED) === state;
  return isTaken ? (JSON.parse(copy) as Uncounted) : undefined;
}

function numbersOfUncounted({ attributes, series }: Uncounted): Numbers {
  const numbers: Record<string, Numbers[string][number][]> = {};
  for (const [metric, more, value] of series) {
    numbers[metric] = [
      ...(numbers[metric] ?? []),
      [{ ...attributes, ...more }, isHistogram(metric) ? oneValue(metric, value) : value],
    ];
  }
  return numbers;
}

function isHistogram(metric: string): metric is HistogramName {
  return metric in BOUNDARIES;
}

/** A histogram of one value. */
function oneValue(metric: HistogramName, value: number): Numbers[string][number][1] {
  const distribution = emptyDistribution(metric, {});
  addValue(metric, distribution, value);
  return [distribution.buckets, distribution.sum, distribution.count];
}
