import { channel } from '../core/channels.ts';
import { OTHER } from '../core/errors.ts';
import { CALLER, type CallerQuestion, type ContextTrust } from './with-caller.ts';

/** How many names there are at most. The rest share one. */
const MAX_NAMES = 20;
const MAX_LENGTH = 100;

const asked = channel(CALLER);

/** Who makes requests, and for whom connections are opened: as `withCaller` and `watchDispatcher` say. Costs nothing before they do. */
export class Callers {
  readonly #names = new Set<string>();
  readonly #callers = new WeakMap<object, string>();
  /** Those of the requests that watched dispatchers are asked for now, one through the other. */
  readonly #dispatching: (string | undefined)[] = [];
  #ofNextStream: string | undefined;

  /** Undefined if nobody says who made the request. */
  of(request: object): string | undefined {
    return this.#names.size === 0 ? undefined : this.#callers.get(request);
  }

  /** A request is made, and the code that makes it is on the stack. */
  made(request: object, trust: ContextTrust): void {
    if (asked.hasSubscribers) this.#remember(request, ask(trust));
  }

  /** undici makes a request. Returns whether its caller is known. */
  madeByUndici(request: object): boolean {
    if (this.#dispatching.length === 0 && !asked.hasSubscribers) return false;
    return this.#remember(request, this.#current) !== undefined;
  }

  /** A watched dispatcher is asked for a request, until `dispatched`. `name`: what it says. */
  dispatching(request: object, name: string | undefined): void {
    this.#dispatching.push(this.#remember(request, name ?? this.#current));
  }

  dispatched(): void {
    this.#dispatching.pop();
  }

  /** undici sends the request for which a watched dispatcher was asked. */
  sent(request: object, watched: object): void {
    this.#remember(request, this.of(watched));
  }

  /** undici sends the request on a stream of HTTP/2, which starts before anything else happens. */
  sentOnStream(request: object): void {
    this.#ofNextStream = this.of(request);
  }

  /** Who made the request on the stream that starts now. `ofUndici`: undici may have made others wait, and sends them only now. */
  ofStream(ofUndici: boolean): string | undefined {
    const caller = this.#ofNextStream;
    this.#ofNextStream = undefined;
    if (caller !== undefined || ofUndici || !asked.hasSubscribers) return caller;

    const current = ask('never');
    return current === undefined ? undefined : this.#named(current);
  }

  forgetAll(): void {
    this.#ofNextStream = undefined;
    this.#dispatching.length = 0;
  }

  /** Who asks undici for a request now. */
  get #current(): string | undefined {
    return this.#dispatching.at(-1) ?? (asked.hasSubscribers ? ask('by stack') : undefined);
  }

  #remember(request: object, caller: string | undefined): string | undefined {
    if (caller === undefined) return undefined;

    const name = this.#named(caller);
    this.#callers.set(request, name);
    return name;
  }

  #named(caller: string): string {
    const name = caller.slice(0, MAX_LENGTH);
    if (this.#names.size < MAX_NAMES) this.#names.add(name);
    return this.#names.has(name) ? name : OTHER;
  }
}

function ask(trust: ContextTrust): string | undefined {
  const question: CallerQuestion = { trust, answer: undefined };
  asked.publish(question);
  return question.answer;
}
