import { type Origin, printable } from '../../core/origins.ts';

const { relative } = process.getBuiltinModule('node:path');
const { fileURLToPath } = process.getBuiltinModule('node:url');
const { getCallSites } = process.getBuiltinModule('node:util');

/** How a line of the program wastes connections. */
export type Problem = 'body_held' | 'new_pool';

/** A line of the program that wastes connections. */
export interface CallSite {
  readonly problem: Problem;
  readonly address: string;
  readonly port: number | undefined;
  /** For example `src/pay.ts:42`. The path is relative to the working directory if it is below it. */
  readonly site: string;
  /** How many connections it held, or how many pools it opened, as far as was seen. */
  count: number;
}

/** How many requests are checked after a body held a connection, and how many pools after the first suspicious one. */
const MAX_CHECKED = 5;
/** An origin is suspicious from its third new pool on. */
const SUSPICIOUS_POOLS = 3;
const MAX_SITES = 50;
const MAX_ORIGINS = 100;
/** undici alone has some twenty frames between the program and the channel. */
const MAX_FRAMES = 60;

interface SuspectedOrigin {
  newPools: number;
  /** How many connections of what may be new pools are still to be checked. */
  poolsLeft: number;
  /** How many requests are still to be checked. */
  requestsLeft: number;
}

/**
 * Finds the lines of the program that leave response bodies unread, or open a new pool again and again.
 *
 * A stack trace costs more than everything else together, so none is taken until an origin is suspected. Then the next few
 * requests to this origin are checked.
 */
export class CallSites {
  readonly #enabled: boolean;
  readonly #warn: (message: string) => void;
  readonly #watchRequests: (on: boolean) => void;
  readonly #suspectedOrigins = new Map<string, SuspectedOrigin>();
  readonly #siteOfRequest = new WeakMap<object, string>();
  readonly #found = new Map<string, CallSite>();
  /** The sum of `requestsLeft` of all origins. */
  #requestsLeft = 0;

  /** `watchRequests(true)` is called when `requestCreated` needs all requests, and `watchRequests(false)` when it no longer does. */
  constructor(enabled: boolean, warn: (message: string) => void, watchRequests: (on: boolean) => void) {
    this.#enabled = enabled;
    this.#warn = warn;
    this.#watchRequests = watchRequests;
  }

  get found(): CallSite[] {
    return [...this.#found.values()].map(site => ({ ...site }));
  }

  /** A request is created, and the code that creates it is on the stack. */
  requestCreated<Request extends object>(request: Request, originOf: (request: Request) => Origin): void {
    if (this.#requestsLeft === 0) return;

    const suspect = this.#suspectedOrigins.get(keyOf(originOf(request)));
    if (suspect === undefined || suspect.requestsLeft === 0) return;

    this.#setRequestsLeft(suspect, suspect.requestsLeft - 1);
    const site = callSite();
    if (site !== undefined) this.#siteOfRequest.set(request, site);
  }

  /** The response body of a request holds a connection. Returns whether the line that created the request is known. */
  bodyHeld(request: object, origin: Origin): boolean {
    const site = this.#siteOfRequest.get(request);
    if (site === undefined) this.#checkNextRequests(origin);
    else this.#count('body_held', origin, site);
    return site !== undefined;
  }

  /** A pool opens a connection that may be its first, and the code that made the request is on the stack. */
  poolMayOpen(origin: Origin): string | undefined {
    const suspect = this.#suspectedOrigins.get(keyOf(origin));
    if (suspect === undefined || suspect.newPools < SUSPICIOUS_POOLS) return undefined;
    return suspect.poolsLeft-- > 0 ? callSite() : undefined;
  }

  /** It was a new pool. `site`: what `poolMayOpen` returned. */
  poolOpened(origin: Origin, site: string | undefined): void {
    const suspect = this.#suspect(origin);
    if (suspect !== undefined) suspect.newPools++;
    if (site !== undefined) this.#count('new_pool', origin, site);
  }

  #checkNextRequests(origin: Origin): void {
    const suspect = this.#suspect(origin);
    if (suspect !== undefined) this.#setRequestsLeft(suspect, MAX_CHECKED);
  }

  #suspect(origin: Origin): SuspectedOrigin | undefined {
    if (!this.#enabled) return undefined;

    const key = keyOf(origin);
    let suspect = this.#suspectedOrigins.get(key);
    if (suspect === undefined && this.#suspectedOrigins.size < MAX_ORIGINS) {
      suspect = { newPools: 0, poolsLeft: MAX_CHECKED, requestsLeft: 0 };
      this.#suspectedOrigins.set(key, suspect);
    }
    return suspect;
  }

  #setRequestsLeft(suspect: SuspectedOrigin, requestsLeft: number): void {
    const before = this.#requestsLeft;
    this.#requestsLeft += requestsLeft - suspect.requestsLeft;
    suspect.requestsLeft = requestsLeft;
    if ((before === 0) !== (this.#requestsLeft === 0)) this.#watchRequests(this.#requestsLeft > 0);
  }

  #count(problem: Problem, { address, port }: Origin, site: string): void {
    const key = `${problem} ${address} ${port} ${site}`;
    const known = this.#found.get(key);
    if (known !== undefined) {
      known.count++;
      return;
    }
    if (this.#found.size >= MAX_SITES) return;

    const found: CallSite = { problem, address, port, site, count: 1 };
    this.#found.set(key, found);
    this.#warn(describeCallSite(found));
  }
}

/** The warning about a call site: one line. */
export function describeCallSite({ problem, address, port, site, count }: CallSite): string {
  const origin = port === undefined ? address : `${address.includes(':') ? `[${address}]` : address}:${port}`;
  return problem === 'body_held'
    ? `response body of a request to ${origin} created at ${site} was never read; it holds a connection (${count} so far)`
    : `a request to ${origin} created at ${site} opens a pool of its own (${count} so far); share one client`;
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

function callSite(): string | undefined {
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

function keyOf({ address, port }: Origin): string {
  return `${address} ${port ?? ''}`;
}
