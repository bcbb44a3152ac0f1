/** How many entries are checked each time. */
const AT_A_TIME = 3;

/** Where an entry is in the list: for `RotatingCheck` only. */
export interface Checked {
  checkIndex: number;
}

/**
 * Checks a few entries at a time, in turn, so that every entry is checked again and again. Each method takes the same time
 * for any number of entries.
 */
export class RotatingCheck<Entry extends Checked> {
  readonly #entries: Entry[] = [];
  readonly #check: (entry: Entry) => void;
  #next = 0;

  /** `check` may delete the entry that it is given. */
  constructor(check: (entry: Entry) => void) {
    this.#check = check;
  }

  add(entry: Entry): void {
    entry.checkIndex = this.#entries.length;
    this.#entries.push(entry);
  }

  delete(entry: Entry): void {
    if (this.#entries[entry.checkIndex] !== entry) return;

    const last = this.#entries.pop() as Entry;
    if (last === entry) return;

    last.checkIndex = entry.checkIndex;
    this.#entries[entry.checkIndex] = last;
  }

  checkSome(): void {
    for (let i = 0; i < AT_A_TIME; i++) {
      const entry = this.#entries[this.#next] ?? this.#entries[0];
      if (entry === undefined) return;

      this.#next = entry.checkIndex + 1;
      this.#check(entry);
    }
  }
}
