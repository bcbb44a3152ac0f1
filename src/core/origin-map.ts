import type { Origin } from './origins.ts';

type Port = number | undefined;

/** Values by origin. To find one, no text is made of the origin, which would be garbage. */
export class OriginMap<Value> implements Iterable<readonly [Origin, Value]> {
  readonly #byAddress = new Map<string, Map<Port, Value>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get({ address, port }: Origin): Value | undefined {
    return this.#byAddress.get(address)?.get(port);
  }

  has({ address, port }: Origin): boolean {
    return this.#byAddress.get(address)?.has(port) === true;
  }

  set({ address, port }: Origin, value: Value): void {
    let byPort = this.#byAddress.get(address);
    if (byPort === undefined) {
      byPort = new Map();
      this.#byAddress.set(address, byPort);
    }
    if (!byPort.has(port)) this.#size++;
    byPort.set(port, value);
  }

  delete({ address, port }: Origin): void {
    const byPort = this.#byAddress.get(address);
    if (byPort?.delete(port) !== true) return;

    this.#size--;
    if (byPort.size === 0) this.#byAddress.delete(address);
  }

  /** The oldest address first, and of one address the oldest port. */
  *[Symbol.iterator](): Generator<readonly [Origin, Value]> {
    for (const [address, byPort] of this.#byAddress) {
      for (const [port, value] of byPort) yield [{ address, port }, value];
    }
  }
}
