/** How many entries are checked per call. */
const BATCH = 3;

export interface Checked {
  /** The entry's index in the list of `RotatingCheck`, which alone writes it. */
  checkIndex: number;
}

/** Checks a few entries per call, in rotation. Every method takes constant time, however many entries there are. */
export class RotatingCheck<Entry extends Checked> {
  readonly #entries: Entry[] = [];
  readonly #check: (entry: Entry) => void;
  #next = 0;

  /** `check` may delete the entry that it is called with. */
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
    for (let i = 0; i < BATCH; i++) {
      const entry = this.#entries[this.#next] ?? this.#entries[0];
      if (entry === undefined) return;

      this.#next = entry.checkIndex + 1;
      this.#check(entry);
    }
  }
}
