import { type Origin, printable } from '../../core/origins.ts';

const { relative } = process.getBuiltinModule('node:path');
const { fileURLToPath } = process.getBuiltinModule('node:url');
const { getCallSites } = process.getBuiltinModule('node:util');

/** What a place in the program does to its connections. */
export type Problem = 'body_held' | 'new_pool';

/** A place in the program that wastes connections, and how often it was seen to. */
export interface CallSite {
  readonly problem: Problem;
  readonly address: string;
  readonly port: number | undefined;
  /** `src/pay.ts:42`, relative to the working directory where it lies below it. */
  readonly site: string;
  /** Connections it was seen to hold, or pools it was seen to open. */
  count: number;
}

/** Requests looked at per suspicion. */
const MAX_CHECKED = 5;
/** Pools opened one after another until it is no accident. */
const SUSPICIOUS_POOLS = 3;
const MAX_SITES = 50;
const MAX_ORIGINS = 100;
/** undici alone puts some twenty frames between the program and its channels. */
const MAX_FRAMES = 60;

interface SuspectedOrigin {
  pools: number;
  /** Requests still to be looked at. */
  stacksLeft: number;
}

/**
 * Finds the lines of the program that hold bodies or open pool after pool. Looks at nothing while all is well: only once
 * an origin is suspected, and then at its next few requests, it takes down where in the program they were made.
 */
export class CallSites {
  readonly #enabled: boolean;
  readonly #warn: (message: string) => void;
  readonly #watch: (on: boolean) => void;
  readonly #suspectedOrigins = new Map<string, SuspectedOrigin>();
  readonly #siteOfRequest = new WeakMap<object, string>();
  readonly #found = new Map<string, CallSite>();
  #stacksLeft = 0;

  /** `watch` is told when requests are to be shown to `requestCreated`, and when no more. */
  constructor(enabled: boolean, warn: (message: string) => void, watch: (on: boolean) => void) {
    this.#enabled = enabled;
    this.#warn = warn;
    this.#watch = watch;
  }

  get found(): CallSite[] {
    return [...this.#found.values()].map(site => ({ ...site }));
  }

  /** A request is being made, by whoever called. */
  requestCreated<Request extends object>(request: Request, originOf: (request: Request) => Origin): void {
    if (this.#stacksLeft === 0) return;

    const suspicion = this.#suspectedOrigins.get(keyOf(originOf(request)));
    if (suspicion === undefined || suspicion.stacksLeft === 0) return;

    suspicion.stacksLeft--;
    this.#useStacks(1);
    const site = callSite();
    if (site !== undefined) this.#siteOfRequest.set(request, site);
  }

  /** The body of the answer to this request holds a connection. Returns whether it is known who made the request. */
  bodyHeld(request: object, origin: Origin): boolean {
    const site = this.#siteOfRequest.get(request);
    if (site === undefined) this.#watchRequests(origin);
    else this.#count('body_held', origin, site);
    return site !== undefined;
  }

  /** A connection is opened by a pool that is new to the origin, in the very call that made the request. */
  poolOpened(origin: Origin): void {
    const suspicion = this.#suspect(origin);
    if (suspicion === undefined || ++suspicion.pools < SUSPICIOUS_POOLS) return;
    if (suspicion.pools >= SUSPICIOUS_POOLS + MAX_CHECKED) return;

    const site = callSite();
    if (site !== undefined) this.#count('new_pool', origin, site);
  }

  #watchRequests(origin: Origin): void {
    const suspicion = this.#suspect(origin);
    if (suspicion === undefined) return;

    this.#useStacks(suspicion.stacksLeft - MAX_CHECKED);
    suspicion.stacksLeft = MAX_CHECKED;
  }

  #suspect(origin: Origin): SuspectedOrigin | undefined {
    if (!this.#enabled) return undefined;

    const key = keyOf(origin);
    let suspicion = this.#suspectedOrigins.get(key);
    if (suspicion === undefined && this.#suspectedOrigins.size < MAX_ORIGINS) {
      suspicion = { pools: 0, stacksLeft: 0 };
      this.#suspectedOrigins.set(key, suspicion);
    }
    return suspicion;
  }

  #useStacks(stacksLeft: number): void {
    const before = this.#stacksLeft;
    this.#stacksLeft -= stacksLeft;
    if ((before === 0) !== (this.#stacksLeft === 0)) this.#watch(this.#stacksLeft > 0);
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

/** One line on a call site. */
export function describeCallSite({ problem, address, port, site, count }: CallSite): string {
  const origin = port === undefined ? address : `${address.includes(':') ? `[${address}]` : address}:${port}`;
  return problem === 'body_held'
    ? `response body of a request to ${origin} created at ${site} was never read; it holds a connection (${count} so far)`
    : `a request to ${origin} created at ${site} opens a pool of its own (${count} so far); share one client`;
}

/**
 * The innermost frame that is the program's own: beyond the channel that called us, not Node's, and not a package's unless
 * nothing else is there.
 */
export function programFrame(
  frames: readonly { readonly scriptName: string; readonly lineNumber: number }[],
): string | undefined {
  const published = frames.findLastIndex(({ scriptName }) => scriptName === 'node:diagnostics_channel');
  const files = frames.slice(published + 1).filter(({ scriptName }) => isFile(scriptName));
  const frame = files.find(({ scriptName }) => !/[\\/]node_modules[\\/]/.test(scriptName)) ?? files.at(-1);
  return frame && `${shortened(frame.scriptName)}:${frame.lineNumber}`;
}

function callSite(): string | undefined {
  return programFrame(getCallSites(MAX_FRAMES));
}

/** Node's own, what was compiled from a text, and modules that are their own text or come by the network. */
const NO_FILE = /^(node|evalmachine|data|blob|https?)[:.]/;
const LONGEST_SITE = 255;

function isFile(scriptName: string): boolean {
  return scriptName !== '' && !NO_FILE.test(scriptName);
}

function shortened(scriptName: string): string {
  if (/^(?!file:)[\w-]+:\/\//.test(scriptName)) return shown(scriptName.replace(/(?<=\/\/)[^/]*@|[?#].*$/gs, ''));

  const path = scriptName.startsWith('file:') ? fileURLToPath(scriptName) : scriptName;
  const below = relative(process.cwd(), path);
  return shown(below.startsWith('..') ? path : below);
}

function shown(path: string): string {
  return printable(path.slice(-LONGEST_SITE));
}

function keyOf({ address, port }: Origin): string {
  return `${address} ${port ?? ''}`;
}
