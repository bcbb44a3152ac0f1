import { OTHER } from '../core/errors.ts';
import { hostName } from '../core/origins.ts';
import { normalName } from './bounded-index.ts';

/** What caused a lookup: a connection, a call of `dns.lookup()`, or a query to a DNS server, such as `dns.resolve()`. */
export type LookupSource = (typeof SOURCES)[number];

const SOURCES = ['connection', 'lookup', 'query'] as const;

/** The limit of names without a connection, relative to the limit of names with one. */
const SHARE_WITHOUT_CONNECTION = 0.25;

/**
 * The looked-up names that have a label of their own. Users of a program may choose what it looks up, for example the domain
 * of a mail address. So there is a separate limit for names that the program connects to, which other names cannot use up.
 */
export class LookupNames {
  /** Limit of names that the program connects to. */
  limit: number;
  readonly #names: Readonly<Record<LookupSource, Set<string>>> = {
    connection: new Set(),
    lookup: new Set(),
    query: new Set(),
  };

  readonly #nameOf: (address: string) => string;

  constructor(limit: number, nameOf: (address: string) => string = name => name) {
    this.#nameOf = nameOf;
    this.limit = limit;
  }

  /** The label of a name: the name in lower case, or `_OTHER` if the limit is reached. */
  labelOf(hostname: unknown, source: LookupSource): string {
    const name = normalName(this.#nameOf(hostName(hostname)));
    const isKnown = this.#isKnown(name);
    if (isKnown && source !== 'connection') return name;

    const names = this.#names[source];
    if (names.size < this.#limitOf(source)) names.add(name);
    return isKnown || names.has(name) ? name : OTHER;
  }

  #isKnown(name: string): boolean {
    for (const source of SOURCES) if (this.#names[source].has(name)) return true;
    return false;
  }

  #limitOf(source: LookupSource): number {
    return source === 'connection' ? this.limit : Math.ceil(this.limit * SHARE_WITHOUT_CONNECTION);
  }
}
