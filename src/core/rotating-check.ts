/** How many entries are checked per call. */
const BATCH = 3;
/** Maps with at most this many entries are iterated from the start, skipping the checked ones, to avoid keeping an iterator. */
const SMALL = 16;

/** Checks a few entries of a map per call, in rotation. A call takes constant time, however many entries there are. */
export class RotatingCheck<Entry> {
  readonly #map: ReadonlyMap<object, Entry>;
  readonly #check: (entry: Entry) => void;
  /** For large maps: continues where the last call stopped, even if entries were added or deleted since. */
  #iterator: Iterator<Entry> | undefined;
  /** For small maps: how many entries were checked in this round. */
  #checked = 0;

  /** `check` may delete the entry it is called with. */
  constructor(map: ReadonlyMap<object, Entry>, check: (entry: Entry) => void) {
    this.#map = map;
    this.#check = check;
  }

  checkSome(): void {
    if (this.#map.size <= SMALL) this.#checkSmall();
    else for (let i = 0; i < BATCH; i++) this.#checkNext();
  }

  /** Call this after deleting an entry: an iterator retains deleted entries of its map until it is advanced. */
  entryDeleted(): void {
    if (this.#map.size <= SMALL) this.#iterator = undefined;
    else if (this.#iterator?.next().done) this.#iterator = undefined;
  }

  #checkNext(): void {
    this.#iterator ??= this.#map.values();
    const next = this.#iterator.next();
    if (next.done) this.#iterator = undefined;
    else this.#check(next.value);
  }

  #checkSmall(): void {
    this.#iterator = undefined;
    if (this.#checked >= this.#map.size) this.#checked = 0;
    const skipped = this.#checked;
    let at = 0;
    for (const entry of this.#map.values()) {
      if (at++ < skipped) continue;
      if (at > skipped + BATCH) break;

      this.#checked++;
      this.#check(entry);
    }
  }
}
