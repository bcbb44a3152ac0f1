// A map and a set whose entries come and go, such as connections by their sockets.
//
// V8 replaces the table of a Map or Set again and again while entries are added and deleted, and each old table refers to the next.
// Once one of them has become old, no collection of young objects frees what a later table has held, though nothing else needs it.
// So each connection would live on until the next full collection. A new Map for the entries that are left begins a new chain.

/** It is renewed after so many deletions, or as many as it has entries, if those are more. */
const FEWEST_DELETIONS = 64;

export class RenewedMap<Key, Value> {
  #map = new Map<Key, Value>();
  #deletions = 0;

  get size(): number {
    return this.#map.size;
  }

  get(key: Key): Value | undefined {
    return this.#map.get(key);
  }

  set(key: Key, value: Value): void {
    this.#map.set(key, value);
  }

  delete(key: Key): boolean {
    if (!this.#map.delete(key)) return false;
    if (++this.#deletions < Math.max(FEWEST_DELETIONS, this.#map.size)) return true;

    this.#map = new Map(this.#map);
    this.#deletions = 0;
    return true;
  }

  clear(): void {
    this.#map = new Map();
    this.#deletions = 0;
  }

  // The iterators begin with the oldest. What is added meanwhile may be missing, and what is deleted meanwhile may still come.

  keys(): MapIterator<Key> {
    return this.#map.keys();
  }

  values(): MapIterator<Value> {
    return this.#map.values();
  }

  entries(): MapIterator<[Key, Value]> {
    return this.#map.entries();
  }
}

export class RenewedSet<Value> implements Iterable<Value> {
  readonly #values = new RenewedMap<Value, Value>();

  get size(): number {
    return this.#values.size;
  }

  add(value: Value): void {
    this.#values.set(value, value);
  }

  delete(value: Value): boolean {
    return this.#values.delete(value);
  }

  clear(): void {
    this.#values.clear();
  }

  /** As those of `RenewedMap`. */
  [Symbol.iterator](): Iterator<Value> {
    return this.#values.values();
  }
}
