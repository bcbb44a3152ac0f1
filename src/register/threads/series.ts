import type { Attributes } from '@opentelemetry/api';
import { BOUNDARIES } from '../../metrics/histograms.ts';
import { METRICS, type Metric } from '../../metrics/table.ts';
import type { Numbers } from '../processes/numbers.ts';
import { BLOCK_BYTES, BLOCK_HEADER_BYTES, type Block, type SharedMemory, setUsed, usedOf } from './memory.ts';

// A series in a block: the index of its metric and the length of its attributes, as 32-bit integers; its attributes as JSON;
// and its values. Each part begins at a multiple of eight bytes, because the values are 64-bit numbers.
const HEADER_BYTES = 8;

const INDEX_BY_NAME: ReadonlyMap<string, number> = new Map(METRICS.map(({ name }, index) => [name, index]));

/** Where the values of a series are. */
export interface Slots {
  readonly floats: Float64Array;
  readonly start: number;
}

/** Adds series to the blocks of a thread. They stay until the thread ends. */
export class SeriesWriter {
  readonly #memory: SharedMemory;
  readonly #entry: number;
  #block: Block | undefined;

  constructor(memory: SharedMemory, entry: number) {
    this.#memory = memory;
    this.#entry = entry;
  }

  /** Undefined if there is no room for the series. */
  add(name: string, attributes: Attributes): Slots | undefined {
    const index = INDEX_BY_NAME.get(name);
    if (index === undefined) return undefined;

    const text = Buffer.from(JSON.stringify(attributes));
    const values = valuesOf(METRICS[index] as Metric);
    const bytes = HEADER_BYTES + aligned(text.length) + values * 8;
    if (bytes > BLOCK_BYTES - BLOCK_HEADER_BYTES) return undefined;
    if (this.#block === undefined || usedOf(this.#block) + bytes > BLOCK_BYTES)
      this.#block = this.#memory.take(this.#entry, 'series');
    if (this.#block === undefined) return undefined;

    const at = usedOf(this.#block);
    this.#block.ints[at / 4] = index;
    this.#block.ints[at / 4 + 1] = text.length;
    this.#block.bytes.set(text, at + HEADER_BYTES);
    setUsed(this.#block, at + bytes);
    return { floats: this.#block.floats, start: (at + bytes) / 8 - values };
  }
}

interface Series extends Slots {
  readonly metric: Metric;
  readonly attributes: Attributes;
}

/** Reads the series of a thread. What was read once is not parsed again. */
export class SeriesReader {
  readonly #memory: SharedMemory;
  readonly #entry: number;
  readonly #series: Series[] = [];
  /** Up to where each block was parsed, by its place in the memory. */
  readonly #parsed = new Map<number, number>();

  constructor(memory: SharedMemory, entry: number) {
    this.#memory = memory;
    this.#entry = entry;
  }

  /** The current numbers. */
  read(): Numbers {
    for (const block of this.#memory.blocksOf(this.#entry)) if (block.kind === 'series') this.#parse(block);
    const numbers: Record<string, [Attributes, Numbers[string][number][1]][]> = {};
    for (const { metric, attributes, floats, start } of this.#series) {
      let ofMetric = numbers[metric.name];
      if (ofMetric === undefined) numbers[metric.name] = ofMetric = [];
      ofMetric.push([attributes, valueAt(metric, floats, start)]);
    }
    return numbers;
  }

  #parse(block: Block): void {
    const { ints, floats, bytes } = block;
    const used = usedOf(block);
    let at = this.#parsed.get(bytes.byteOffset) ?? BLOCK_HEADER_BYTES;
    while (at < used) {
      const metric = METRICS[ints[at / 4] as number] as Metric;
      const length = ints[at / 4 + 1] as number;
      const text = at + HEADER_BYTES;
      const attributes = JSON.parse(bytes.toString('utf8', text, text + length)) as Attributes;
      const start = (text + aligned(length)) / 8;
      this.#series.push({ metric, attributes, floats, start });
      at = (start + valuesOf(metric)) * 8;
    }
    this.#parsed.set(bytes.byteOffset, at);
  }
}

/** A histogram has its buckets and its sum. Their number is not there twice, so that the two cannot differ. */
function valuesOf(metric: Metric): number {
  return metric.kind === 'histogram' ? BOUNDARIES[metric.name].length + 2 : 1;
}

function valueAt(metric: Metric, floats: Float64Array, start: number): Numbers[string][number][1] {
  if (metric.kind !== 'histogram') return floats[start] as number;

  const end = start + BOUNDARIES[metric.name].length + 1;
  const buckets = [...floats.subarray(start, end)];
  return [buckets, floats[end] as number, buckets.reduce((sum, each) => sum + each, 0)];
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
