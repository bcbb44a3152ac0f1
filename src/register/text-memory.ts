/**
 * Memory is taken in pages of so many bytes. Each is one write to the socket, and one task for the thread that compresses: with
 * smaller ones, waking that thread costs more than to compress.
 */
const PAGE_BYTES = 256 * 1024;
/** How many pages are kept between two scrapes: 4 MiB. */
const MAX_FREE = 16;
/** Smaller whole numbers are written digit by digit, which is faster than to make a string of them. */
const MOST_IN_DIGITS = 2 ** 31;
const ZERO = 48;
/** For so few characters, a call of the native function takes longer than to write them one by one. */
const LONGEST_BY_HAND = 24;

export interface Page {
  readonly memory: Buffer;
  used: number;
}

/**
 * The memory of the text of `/metrics`. It is used again for the next text: fresh memory for each scrape costs several times as much as
 * to write the text, because the operating system has to give it, and the garbage collector has to free it.
 */
export class TextMemory {
  readonly #free: Buffer[] = [];

  /** An empty page, for so many bytes at least. */
  take(length: number): Page {
    const isUsual = length <= PAGE_BYTES;
    const memory = (isUsual ? this.#free.pop() : undefined) ?? Buffer.allocUnsafeSlow(isUsual ? PAGE_BYTES : length);
    return { memory, used: 0 };
  }

  /** Nobody reads these pages any more. */
  free(pages: readonly Page[]): void {
    for (const { memory } of pages)
      if (memory.length === PAGE_BYTES && this.#free.length < MAX_FREE) this.#free.push(memory);
  }
}

/** Nothing fits on it, and nothing is ever written to it. */
const NONE: Page = { memory: Buffer.alloc(0), used: 0 };

/** Writes one text, a part at a time, straight to its bytes: to join the parts to a string first takes longer. */
export class TextOutput {
  readonly pages: Page[] = [];
  readonly #memory: TextMemory;
  #page = NONE;
  #bytesBefore = 0;

  constructor(memory: TextMemory) {
    this.#memory = memory;
  }

  /** How many bytes were written. */
  get length(): number {
    return this.#bytesBefore + this.#page.used;
  }

  text(text: string): void {
    const page = this.#pageFor(Buffer.byteLength(text));
    page.used += page.memory.write(text, page.used);
  }

  /** What `bytesOf` returned. */
  bytes(bytes: string): void {
    const { length } = bytes;
    const page = this.#pageFor(length);
    const { memory, used } = page;
    page.used = used + length;
    if (length > LONGEST_BY_HAND) memory.write(bytes, used, 'latin1');
    else for (let at = 0; at < length; at++) memory[used + at] = bytes.charCodeAt(at);
  }

  /** A number as JavaScript writes it. */
  number(value: number): void {
    if (Number.isInteger(value) && value >= 0 && value < MOST_IN_DIGITS) this.#digits(value);
    else this.bytes(String(value));
  }

  #digits(value: number): void {
    let end = 1;
    for (let limit = 10; limit <= value; limit *= 10) end++;
    const page = this.#pageFor(end);
    const { memory, used } = page;
    let left = value;
    for (let at = used + end - 1; at >= used; at--) {
      const rest = Math.trunc(left / 10);
      memory[at] = ZERO + left - 10 * rest;
      left = rest;
    }
    page.used += end;
  }

  #pageFor(length: number): Page {
    const page = this.#page;
    if (page.used + length <= page.memory.length) return page;

    this.#bytesBefore += page.used;
    this.#page = this.#memory.take(length);
    this.pages.push(this.#page);
    return this.#page;
  }
}

/** A text as a string with one character for each of its bytes, which is written faster. In one part, not as a tree of joined ones. */
export function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** The text on these pages. */
export function written(pages: readonly Page[]): Buffer[] {
  return pages.map(({ memory, used }) => memory.subarray(0, used));
}
