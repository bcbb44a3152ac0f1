import { OTHER } from './errors.ts';
import { hostName, socketPath } from './origins.ts';

/** How many addresses are remembered. */
const MAX_KNOWN = 5_000;

/** Under which name an address appears in metrics, snapshots and warnings: its own, or the one that the program gave it. */
export class OriginNames {
  readonly #name: ((address: string) => string) | undefined;
  readonly #onFault: (error: unknown) => void;
  readonly #known = new Map<string, string>();

  /** `name` is a function of the program: it may throw, or return anything. */
  constructor(name: ((address: string) => string) | undefined, onFault: (error: unknown) => void) {
    this.#name = name;
    this.#onFault = onFault;
  }

  of(address: string): string {
    if (this.#name === undefined) return address;

    let name = this.#known.get(address);
    if (name === undefined) {
      name = this.#ask(this.#name, address);
      if (this.#known.size >= MAX_KNOWN) this.#known.clear();
      this.#known.set(address, name);
    }
    return name;
  }

  /** Without an answer, the address stays hidden: to hide it may be what the function is for. */
  #ask(name: (address: string) => string, address: string): string {
    try {
      const given = name(address);
      return typeof given === 'string' && given.startsWith('/') ? socketPath(given) : hostName(given);
    } catch (error) {
      this.#onFault(error);
      return OTHER;
    }
  }
}

/** A pattern and the name of all addresses that match it. `*` stands for any characters. */
export interface NamePattern {
  readonly pattern: string;
  readonly name: string;
}

/** A function that gives an address the name of the first pattern that matches; without one, its own. */
export function nameByPattern(patterns: readonly NamePattern[]): (address: string) => string {
  const expressions = patterns.map(({ pattern, name }) => {
    const parts = pattern.split('*').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return { expression: new RegExp(`^${parts.join('.*')}$`, 'is'), name };
  });
  return address => expressions.find(({ expression }) => expression.test(address))?.name ?? address;
}
