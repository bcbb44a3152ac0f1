/** How many entries are looked at each time. */
const AT_A_TIME = 3;

/** Where an entry is in the list. Only the list sets it. */
export interface Listed {
  index: number;
}

/**
 * Looks at a few entries at a time, in turn, so that each comes up again and again. All it does takes the same time
 * however many entries there are.
 */
export class RoundRobin<Entry extends Listed> {
  readonly #entries: Entry[] = [];
  readonly #look: (entry: Entry) => void;
  #next = 0;

  /** `look` may delete the entry that it is given. */
  constructor(look: (entry: Entry) => void) {
    this.#look = look;
  }

  add(entry: Entry): void {
    entry.index = this.#entries.length;
    this.#entries.push(entry);
  }

  delete(entry: Entry): void {
    if (this.#entries[entry.index] !== entry) return;

    const last = this.#entries.pop() as Entry;
    if (last === entry) return;

    last.index = entry.index;
    this.#entries[entry.index] = last;
  }

  lookAtSome(): void {
    for (let i = 0; i < AT_A_TIME; i++) {
      const entry = this.#entries[this.#next] ?? this.#entries[0];
      if (entry === undefined) return;

      this.#next = entry.index + 1;
      this.#look(entry);
    }
  }
}
