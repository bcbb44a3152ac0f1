/** So many answers are remembered. */
const MAX_ANSWERS = 1_000;

/** Which addresses the program's own lookups of a name led to. The oldest answers are forgotten. */
export class ResolvedNames {
  readonly #answers = new Set<string>();

  add(name: string, addresses: Iterable<string>): void {
    for (const address of addresses) {
      const [oldest] = this.#answers;
      if (this.#answers.size >= MAX_ANSWERS && oldest !== undefined) this.#answers.delete(oldest);
      this.#answers.add(answer(name, address));
    }
  }

  ledTo(name: string, address: string): boolean {
    return this.#answers.has(answer(name, address));
  }
}

function answer(name: string, address: string): string {
  return `${name.toLowerCase()} ${address}`;
}
