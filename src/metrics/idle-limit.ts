/** How many of the latest observations are kept. */
const MAX_AGES = 32;
/** No statement from fewer. */
export const MIN_OBSERVATIONS = 20;
/** If they differ by more than this part of the limit, it was not a limit that ended them. */
const MAX_SPREAD = 0.25;

/** A limit that the other side never told, but that its closes show. */
export interface LearnedLimit {
  /** After so many idle seconds it closes a connection. */
  readonly seconds: number;
  /** How many closes this is drawn from. */
  readonly observations: number;
}

/**
 * Learns after how many idle seconds the other side closes connections: the ages at which it closed the latest ones are all
 * about the same then. When it restarts, or closes for other reasons, they are not.
 */
export class IdleLimit {
  #ages: Float64Array | undefined;
  #count = 0;

  /** The other side closed a connection that had been idle for so many seconds. */
  add(idle: number): void {
    this.#ages ??= new Float64Array(MAX_AGES);
    this.#ages[this.#count++ % MAX_AGES] = idle;
  }

  /** Undefined if there are too few observations, or no limit explains them. */
  get learned(): LearnedLimit | undefined {
    if (this.#ages === undefined || this.#count < MIN_OBSERVATIONS) return undefined;

    const ages = this.#ages.slice(0, Math.min(this.#count, MAX_AGES)).sort();
    const quarter = Math.floor(ages.length / 4);
    const [low, high] = [ages[quarter] as number, ages[ages.length - 1 - quarter] as number];
    return high - low > MAX_SPREAD * low ? undefined : { seconds: low, observations: this.#count };
  }
}
