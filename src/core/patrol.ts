/** How many entries are looked at each time. */
const AT_A_TIME = 3;

/**
 * Looks at a few entries of a map at a time, in turn: each of them comes up again and again, and one look costs the same
 * however many there are.
 */
export class Patrol<Entry> {
  readonly #map: ReadonlyMap<object, Entry>;
  readonly #look: (entry: Entry) => void;
  /** Goes on where it stopped, though entries came and went meanwhile. */
  #rest: Iterator<Entry>;

  /** `look` may delete the entry. */
  constructor(map: ReadonlyMap<object, Entry>, look: (entry: Entry) => void) {
    this.#map = map;
    this.#look = look;
    this.#rest = map.values();
  }

  lookAtSome(): void {
    for (let i = 0; i < AT_A_TIME; i++) {
      const next = this.#rest.next();
      if (next.done) this.#rest = this.#map.values();
      else this.#look(next.value);
    }
  }
}
