/**
 * Memory is taken in pages of so many bytes. Each is one write to the socket, and one task for the thread that compresses: with
 * smaller ones, waking that thread costs more than to compress.
 */
const PAGE_BYTES = 256 * 1024;
/** How many pages are kept between two scrapes: 4 MiB. */
const MAX_FREE = 16;

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

  /** Writes a part of a text behind the others. */
  append(pages: Page[], text: string): void {
    const length = Buffer.byteLength(text);
    const last = pages.at(-1);
    const page = last !== undefined && last.used + length <= last.memory.length ? last : this.#take(length);
    if (page !== last) pages.push(page);
    // For ASCII, the two encodings give the same bytes, and one of them is much faster.
    page.used += page.memory.write(text, page.used, length === text.length ? 'latin1' : 'utf8');
  }

  /** Nobody reads these pages any more. */
  free(pages: readonly Page[]): void {
    for (const { memory } of pages)
      if (memory.length === PAGE_BYTES && this.#free.length < MAX_FREE) this.#free.push(memory);
  }

  #take(length: number): Page {
    const isUsual = length <= PAGE_BYTES;
    const memory = (isUsual ? this.#free.pop() : undefined) ?? Buffer.allocUnsafeSlow(isUsual ? PAGE_BYTES : length);
    return { memory, used: 0 };
  }
}

/** The text on these pages. */
export function written(pages: readonly Page[]): Buffer[] {
  return pages.map(({ memory, used }) => memory.subarray(0, used));
}
