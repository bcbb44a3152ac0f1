/** How many entries are looked at each time. */
const AT_A_TIME = 3;
/** In a map of no more entries than this, a look begins anew each time, and skips those it has seen. */
const FEW = 16;

/**
 * Looks at a few entries of a map at a time, in turn: each of them comes up again and again, and one look costs the same
 * however many there are.
 */
export class RotatingCheck<Entry> {
  readonly #map: ReadonlyMap<object, Entry>;
  readonly #look: (entry: Entry) => void;
  /** In a large map: goes on where it stopped, though entries came and went meanwhile. */
  #rest: Iterator<Entry> | undefined;
  /** In a small one: how many entries were looked at. */
  #seen = 0;

  /** `look` may delete the entry. */
  constructor(map: ReadonlyMap<object, Entry>, look: (entry: Entry) => void) {
    this.#map = map;
    this.#look = look;
  }

  checkSome(): void {
    if (this.#map.size <= FEW) this.#lookAtFew();
    else for (let i = 0; i < AT_A_TIME; i++) this.#lookAtNext();
  }

  /** An entry was deleted. An iterator keeps what a map has given up, until it is moved on. */
  entryDeleted(): void {
    if (this.#map.size <= FEW) this.#rest = undefined;
    else if (this.#rest?.next().done) this.#rest = undefined;
  }

  #lookAtNext(): void {
    this.#rest ??= this.#map.values();
    const next = this.#rest.next();
    if (next.done) this.#rest = undefined;
    else this.#look(next.value);
  }

  #lookAtFew(): void {
    this.#rest = undefined;
    if (this.#seen >= this.#map.size) this.#seen = 0;
    const skipped = this.#seen;
    let at = 0;
    for (const entry of this.#map.values()) {
      if (at++ < skipped) continue;
      if (at > skipped + AT_A_TIME) break;

      this.#seen++;
      this.#look(entry);
    }
  }
}
