import type { Attributes } from '@opentelemetry/api';
import { hostName, type Origin } from './origins.ts';
import { OTHER } from './reasons.ts';
import { type Count, Tally } from './tally.ts';

/** Kinds of failed lookups told apart; programs with a `lookup` of their own may make any number of them. */
const MAX_LOOKUP_FAILURES = 12;

const OVERFLOW: Origin = { address: OTHER, port: undefined };

/** All tallies, one an origin, and the looked-up names; bounded, whatever the traffic. */
export class Ledger {
  /** Origins and names told apart. */
  limit: number;
  /** Names being looked up now for a connection: taken anew at each collection. */
  readonly lookupsPending: Count = { attributes: {}, value: 0 };
  readonly #tallies: Tally[] = [];
  readonly #byAddress = new Map<string, Tally[]>();
  readonly #overflow = new Map<boolean, Tally>();
  readonly #names = new Set<string>();
  readonly #lookupFailures = new Set<string>();
  readonly #failedNames = new Set<string>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get tallies(): Tally[] {
    return [...this.#tallies, ...this.#overflow.values()];
  }

  /** The origin's tally, born on first mention; past the limit, the one that all late-comers share. */
  tally(origin: Origin, http: boolean): Tally {
    const address = normalName(origin.address);
    const there = this.#byAddress.get(address);
    const known = there?.find(tally => tally.port === origin.port && tally.http === http);
    if (known !== undefined) return known;
    if (this.#tallies.length >= this.limit) return this.#late(http);

    const tally = new Tally({ address, port: origin.port }, http);
    this.#tallies.push(tally);
    if (there === undefined) this.#byAddress.set(address, [tally]);
    else there.push(tally);
    return tally;
  }

  /** The label of a looked-up name: itself, or past the limit the one that all late-comers share. */
  question(name: string): string {
    const normal = normalName(hostName(name));
    if (!this.#names.has(normal)) {
      if (this.#names.size >= this.limit) return OTHER;
      this.#names.add(normal);
    }
    return normal;
  }

  /** The labels of a failed lookup: as many pairs of name and error as there are names; later ones tell their error only. */
  failedQuestion(name: string, errorType: string): Attributes {
    const question = this.question(name);
    if (this.#lookupFailures.size < MAX_LOOKUP_FAILURES) this.#lookupFailures.add(errorType);
    const known = this.#lookupFailures.has(errorType) ? errorType : OTHER;
    const pair = `${known} ${question}`;
    if (this.#failedNames.size < this.limit) this.#failedNames.add(pair);
    return { 'dns.question.name': this.#failedNames.has(pair) ? question : OTHER, 'error.type': known };
  }

  #late(http: boolean): Tally {
    let tally = this.#overflow.get(http);
    if (tally === undefined) {
      tally = new Tally(OVERFLOW, http);
      this.#overflow.set(http, tally);
    }
    return tally;
  }
}

/** Host names are the same in any case; paths of Unix sockets are not. */
function normalName(name: string): string {
  return name.startsWith('/') ? name : name.toLowerCase();
}
