import { OTHER } from '../core/errors.ts';
import { hostName } from '../core/origins.ts';
import { normalName } from './bounded-index.ts';

/** Who asked for a name: a connection, the program by `dns.lookup`, or the program by a query to a DNS server. */
export type LookupSource = (typeof SOURCES)[number];

const SOURCES = ['connection', 'lookup', 'query'] as const;

/** What names without a connection have, as a share of what those with one have. */
const SHARE_WITHOUT_CONNECTION = 0.25;

/**
 * The names looked up, each a label. Strangers may choose what a program looks up, as the domain of a mail address: so
 * names that connections go to have places of their own, which no other name can take.
 */
export class LookupNames {
  /** Names that connections go to. */
  limit: number;
  readonly #names: Readonly<Record<LookupSource, Set<string>>> = {
    connection: new Set(),
    lookup: new Set(),
    query: new Set(),
  };

  constructor(limit: number) {
    this.limit = limit;
  }

  /** The label of a name: itself in lower case, or past the limit the one that all later ones share. */
  labelOf(given: unknown, by: LookupSource): string {
    const name = normalName(hostName(given));
    const isKnown = SOURCES.some(each => this.#names[each].has(name));
    if (isKnown && by !== 'connection') return name;

    const places = this.#names[by];
    if (places.size < this.#limitOf(by)) places.add(name);
    return isKnown || places.has(name) ? name : OTHER;
  }

  #limitOf(by: LookupSource): number {
    return by === 'connection' ? this.limit : Math.ceil(this.limit * SHARE_WITHOUT_CONNECTION);
  }
}
