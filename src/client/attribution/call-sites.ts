import type { OpenCause } from '../../core/causes.ts';
import type { Phase } from '../../core/errors.ts';
import { OriginMap } from '../../core/origin-map.ts';
import { type Origin, originText, printable, sameOrigin } from '../../core/origins.ts';
import type { CloseReason } from '../../core/reasons.ts';
import type { RequestLines } from './request-lines.ts';

const { relative } = process.getBuiltinModule('node:path');
const { fileURLToPath } = process.getBuiltinModule('node:url');
const { getCallSites } = process.getBuiltinModule('node:util');

/**
 * What happens to the connections of a line of the program: the cause for which they are opened (for those that replace another one,
 * the reason why that was lost), or the phase in which they fail. `pool_held`: its requests wait, because unread bodies hold all
 * connections to their origin. It may or may not be the line that leaves them unread, whose requests wait as well.
 */
export type Problem = OpeningProblem | 'pool_held';

export type OpeningProblem = Exclude<OpenCause, 'first' | 'replaced' | 'unknown'> | CloseReason | `failed_${Phase}`;

/** A line of the program that makes requests for which connections are opened again and again. */
export interface CallSite {
  readonly problem: Problem;
  readonly address: string;
  readonly port: number | undefined;
  /** For example `src/pay.ts:42`. The path is relative to the working directory if it is below it. */
  readonly site: string;
  /** How many connections it opened or held, or how many of its requests waited, as far as was seen. */
  count: number;
}

/** How many requests are checked after a body held a connection, and how many connections with the same problem. */
const MAX_CHECKED = 5;
/** How many connections to an origin are checked at most, as not every check finds a line of the program. */
const MAX_STACKS = 50;
/** How many requests of a program that may end soon are looked at without a suspicion. */
const MAX_FIRST = 1_000;
/** How many origins are watched at once. */
const MAX_WATCHED = 5;
/** If no request to the origin comes, a watch ends after so many collections, or so many requests to any origin. */
const MAX_COLLECTIONS = 20;
const MAX_SEEN = 10_000;
/** An origin is suspicious from its third connection with the same problem on. */
const SUSPICIOUS = 3;
const MAX_SITES = 50;
const MAX_ORIGINS = 100;
/** undici alone has some twenty frames between the program and the channel. */
const MAX_FRAMES = 60;

interface SuspectedOrigin {
  /** How many connections had each problem, and how many of those are still to be checked. */
  readonly problems: Map<OpeningProblem, { seen: number; left: number }>;
  /** How many stacks may still be taken, and whether the next connection needs one. */
  stacksLeft: number;
  isChecked: boolean;
}

/** How to read a request that the program creates. */
export interface CreatedRequestReader<Request> {
  /** The origin that the client dials for the request. */
  originOf(request: Request, socket: undefined): Origin;
  /** What the request calls its origin. Quick to read: if it differs, the origin most likely differs too. */
  nameOf(request: Request): string;
  /** Whether the request waits in the queue of its agent, so no connection was opened for it. */
  isQueued(request: Request): boolean;
}

/** An origin whose next requests are checked. */
interface WatchedOrigin {
  readonly origin: Origin;
  /** What its requests call it. Undefined if that is not known. */
  readonly name: string | undefined;
  /** The watch ends when no body holds a connection any more. */
  readonly forHeld: boolean;
  requestsLeft: number;
  collectionsLeft: number;
  /** Unread bodies held all of its connections at the last collection. */
  allHeld: boolean;
}

/** An origin to which unread bodies hold connections. */
export interface HeldOrigin {
  readonly origin: Origin;
  /** They hold all of them. */
  readonly allHeld: boolean;
}

/**
 * Finds the lines of the program that leave response bodies unread, or open a new pool again and again.
 *
 * A stack trace costs more than everything else together, so none is taken until a body holds a connection. Then the next few
 * requests to this origin are checked. Until these have come, every request costs a comparison of strings. So this search also ends
 * when no body holds a connection to the origin any more, and after a while in any case.
 */
export class CallSites {
  readonly #enabled: boolean;
  readonly #warn: (message: string) => void;
  readonly #nameOf: (address: string) => string;
  /** Origins to which connections are opened again and again. */
  readonly #suspectedOrigins = new OriginMap<SuspectedOrigin>();
  readonly #siteOfRequest = new WeakMap<object, string>();
  readonly #found = new Map<string, CallSite>();
  readonly lines: RequestLines | undefined;
  readonly #suspicious: number;
  /** How many requests are still looked at without a suspicion. */
  #firstRequests: number;
  #watched: readonly WatchedOrigin[] = [];
  /** How many requests were seen since the watch began. */
  #seen = 0;

  /**
   * `lines`: the lines of all requests, if somebody wants to know them whatever that costs. `isShort`: the program may end soon, so the
   * first requests and connections are looked at without a suspicion.
   */
  constructor(
    enabled: boolean,
    warn: (message: string) => void,
    nameOf: (address: string) => string = address => address,
    { lines, isShort = false }: { readonly lines?: RequestLines | undefined; readonly isShort?: boolean } = {},
  ) {
    this.#enabled = enabled;
    this.#nameOf = nameOf;
    this.#warn = warn;
    this.lines = lines;
    this.#suspicious = isShort ? 1 : SUSPICIOUS;
    this.#firstRequests = isShort && enabled ? MAX_FIRST : 0;
  }

  /** Whether the stacks of new requests are looked at. */
  get isWatching(): boolean {
    return this.#watched.length > 0;
  }

  get found(): CallSite[] {
    return [...this.#found.values()].map(site => ({ ...site }));
  }

  /** A request is created, and the code that creates it is on the stack. */
  requestCreated<Request extends object>(request: Request, reader: CreatedRequestReader<Request>): void {
    if (this.lines !== undefined) this.lines.created(request);
    else if (this.#watched.length > 0) this.#check(request, reader);
    else if (this.#firstRequests > 0) this.#lookAt(request);
  }

  /** The response body of a request holds a connection. Returns false if there is no room for its origin now. */
  bodyHeld<Request extends object>(request: Request, reader: CreatedRequestReader<Request>, origin: Origin): boolean {
    const site = this.lines === undefined ? this.#siteOfRequest.get(request) : this.lines.of(request);
    if (site === undefined) return this.#watch(origin, reader.nameOf(request));

    this.#count('body_held', origin, site);
    return true;
  }

  /** A snapshot found that. Snapshots may be taken often, so they do not end a watch by their number. */
  lookedAt(held: readonly HeldOrigin[]): void {
    this.#update(held, 0);
  }

  /** A collection found unread bodies that hold connections to these origins, and to no others. */
  collected(held: readonly HeldOrigin[]): void {
    this.#update(held, 1);
  }

  #update(held: readonly HeldOrigin[], collections: number): void {
    if (this.#watched.length === 0) return;

    const allHeld = new OriginMap<boolean>();
    for (const each of held) allHeld.set(each.origin, each.allHeld);
    for (const watched of this.#watched) {
      watched.allHeld = allHeld.get(watched.origin) === true;
      watched.collectionsLeft -= collections;
    }
    this.#setWatched(
      this.#watched.filter(
        ({ origin, forHeld, collectionsLeft }) => (allHeld.has(origin) || !forHeld) && collectionsLeft > 0,
      ),
    );
  }

  /** Requests are no longer seen. */
  pause(): void {
    this.#setWatched([]);
  }

  /** A connection is attempted, and the code that made the request is on the stack. */
  attempted(origin: Origin): string | undefined {
    const suspect = this.#suspicious === 1 ? this.#suspect(origin) : this.#suspectedOrigins.get(origin);
    if (suspect?.isChecked !== true) return undefined;

    if (--suspect.stacksLeft === 0) suspect.isChecked = false;
    return callSite();
  }

  /** It had this problem. `site`: what `attempted` returned. */
  opened(origin: Origin, problem: OpeningProblem, site: string | undefined): void {
    const suspect = this.#suspect(origin);
    if (suspect === undefined) return;

    const known = suspect.problems.get(problem) ?? { seen: 0, left: MAX_CHECKED };
    suspect.problems.set(problem, known);
    known.seen++;
    if (site !== undefined) {
      known.left--;
      this.#count(problem, origin, site);
    }
    // Not every connection is opened by the code of its request. Then the lines of the next requests are looked at.
    if (known.seen === this.#suspicious && site === undefined && isOfRequest(problem)) this.#watch(origin, undefined);
    if (known.seen !== this.#suspicious && site === undefined) return;

    const isChecked = [...suspect.problems.values()].some(({ seen, left }) => seen >= this.#suspicious && left > 0);
    suspect.isChecked = isChecked && suspect.stacksLeft > 0;
  }

  /** The line that made the request, if it was looked at. */
  siteOf(request: object): string | undefined {
    const isLooking = this.#watched.length > 0 || this.#suspicious === 1;
    return isLooking ? this.#siteOfRequest.get(request) : undefined;
  }

  /** A connection is closed for this reason. `site`: the line of its last request. */
  closed(origin: Origin, reason: CloseReason, site: string): void {
    const known = this.#suspectedOrigins.get(origin)?.problems.get(reason);
    if (known === undefined || known.seen < this.#suspicious || known.left === 0) return;

    known.left--;
    this.#count(reason, origin, site);
  }

  #suspect(origin: Origin): SuspectedOrigin | undefined {
    if (!this.#enabled) return undefined;

    let suspect = this.#suspectedOrigins.get(origin);
    if (suspect === undefined && this.#suspectedOrigins.size < MAX_ORIGINS) {
      suspect = { problems: new Map(), stacksLeft: MAX_STACKS, isChecked: this.#suspicious === 1 };
      this.#suspectedOrigins.set(origin, suspect);
    }
    return suspect;
  }

  #check<Request extends object>(request: Request, reader: CreatedRequestReader<Request>): void {
    if (++this.#seen > MAX_SEEN) {
      this.#setWatched([]);
      return;
    }
    if (!this.#isWatched(reader.nameOf(request))) return;

    const origin = reader.originOf(request, undefined);
    const watched = this.#watched.find(each => sameOrigin(each.origin, origin));
    if (watched === undefined) return;

    watched.requestsLeft--;
    if (watched.requestsLeft === 0) this.#setWatched(this.#watched.filter(each => each !== watched));
    const site = callSite();
    if (site === undefined) return;

    this.#siteOfRequest.set(request, site);
    if (watched.allHeld && reader.isQueued(request)) this.#count('pool_held', watched.origin, site);
  }

  #lookAt(request: object): void {
    this.#firstRequests--;
    const site = callSite();
    if (site !== undefined) this.#siteOfRequest.set(request, site);
  }

  #isWatched(name: string): boolean {
    for (const watched of this.#watched) if (watched.name === name || watched.name === undefined) return true;
    return false;
  }

  /** The next few requests to the origin are checked. */
  #watch(origin: Origin, name: string | undefined): boolean {
    if (!this.#enabled) return true;

    const others = this.#watched.filter(each => !sameOrigin(each.origin, origin));
    if (others.length >= MAX_WATCHED) return false;

    this.#seen = 0;
    const left = { requestsLeft: MAX_CHECKED, collectionsLeft: MAX_COLLECTIONS };
    this.#setWatched([...others, { origin, name, forHeld: name !== undefined, ...left, allHeld: false }]);
    return true;
  }

  #setWatched(watched: readonly WatchedOrigin[]): void {
    this.#watched = watched;
  }

  #count(problem: Problem, { address: dialled, port }: Origin, site: string): void {
    const address = this.#nameOf(dialled);
    const key = `${problem} ${address} ${port} ${site}`;
    const known = this.#found.get(key);
    if (known !== undefined) {
      known.count++;
      return;
    }
    if (this.#found.size >= MAX_SITES) return;

    const found: CallSite = { problem, address, port, site, count: 1 };
    this.#found.set(key, found);
    const warning = describeCallSite(found);
    if (warning !== undefined) this.#warn(warning);
  }
}

/** The warning about a call site: one line. Undefined if its problem may be none. */
export function describeCallSite({ problem, address, port, site, count }: CallSite): string | undefined {
  const origin = originText({ address, port });
  const text: Readonly<Partial<Record<Problem, string>>> = {
    body_held: `response body of a request to ${origin} created at ${site} was never read; it holds a connection (${count} so far)`,
    new_pool: `a request to ${origin} created at ${site} opens a pool of its own (${count} so far); share one client`,
    pool_held: `a request to ${origin} created at ${site} waits, because unread response bodies hold all connections (${count} so far); read every body`,
  };
  return text[problem];
}

/**
 * The innermost frame of the program's own code. Frames of Node and of the channel are skipped. Frames of packages count
 * only if there is nothing else.
 */
export function programFrame(
  frames: readonly { readonly scriptName: string; readonly lineNumber: number }[],
): string | undefined {
  const published = frames.findLastIndex(({ scriptName }) => scriptName === 'node:diagnostics_channel');
  const files = frames.slice(published + 1).filter(({ scriptName }) => isFile(scriptName));
  const frame = files.find(({ scriptName }) => !/[\\/]node_modules[\\/]/.test(scriptName)) ?? files.at(-1);
  return frame && `${shortPath(frame.scriptName)}:${frame.lineNumber}`;
}

/** How the program treats its requests, or what their server does during them. */
const OF_REQUESTS: ReadonlySet<OpeningProblem> = new Set([
  'body_cancelled',
  'body_unread',
  'request_aborted',
  'request_timeout',
  'server_closed_active',
]);

function isOfRequest(problem: OpeningProblem): boolean {
  return OF_REQUESTS.has(problem);
}

/** The line that runs now. */
export function callSite(): string | undefined {
  return programFrame(getCallSites(MAX_FRAMES));
}

/** Scripts that are no files: Node's own, code compiled from a string, `data:` and `blob:` URLs, and modules of the network. */
const NO_FILE = /^(node|evalmachine|data|blob|https?)[:.]/;
const LONGEST_SITE = 255;

function isFile(scriptName: string): boolean {
  return scriptName !== '' && !NO_FILE.test(scriptName);
}

function shortPath(scriptName: string): string {
  if (/^(?!file:)[\w-]+:\/\//.test(scriptName))
    return printablePath(scriptName.replace(/(?<=\/\/)[^/]*@|[?#].*$/gs, ''));

  const path = scriptName.startsWith('file:') ? fileURLToPath(scriptName) : scriptName;
  const below = relative(process.cwd(), path);
  return printablePath(below.startsWith('..') ? path : below);
}

function printablePath(path: string): string {
  return printable(path.slice(-LONGEST_SITE));
}
