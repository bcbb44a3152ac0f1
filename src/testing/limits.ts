const { inspect } = process.getBuiltinModule('node:util');

/** Options of `watchConnections`. */
export interface WatchOptions {
  /** Look at the connections to this server only: `host:port` as the program dials it, or the path of a Unix socket. Default: all. */
  readonly origin?: string | undefined;
}

/** What a function may do to the connections to each server: maximum numbers. */
export interface ReuseLimits extends WatchOptions {
  /** How many connections it may open to each server. Default: no limit. */
  readonly opened?: number | undefined;
  /** How many responses it may leave unread at each server. Default: 0. */
  readonly held?: number | undefined;
  /** How many connections to each server may fail to open. Default: no limit. */
  readonly failed?: number | undefined;
}

/** The limits, with their defaults. */
export interface CheckedLimits {
  readonly origin: string | undefined;
  readonly opened: number;
  readonly held: number;
  readonly failed: number;
}

/** @throws TypeError or RangeError that names what was expected and what came. */
export function checkedFunction(fn: unknown): void {
  if (typeof fn !== 'function') throw new TypeError(`connmeter: fn must be a function, got ${shown(fn)}`);
}

/** @throws TypeError or RangeError, as above. */
export function checkedLimits(limits: ReuseLimits): CheckedLimits {
  const { origin, opened, held, failed } = withKnownOptions(limits, ['origin', 'opened', 'held', 'failed']);
  return {
    origin: checkedOrigin(origin),
    opened: checkedNumber('opened', opened, Infinity),
    held: checkedNumber('held', held, 0),
    failed: checkedNumber('failed', failed, Infinity),
  };
}

/** @throws TypeError or RangeError, as above. */
export function checkedWatch(options: WatchOptions): string | undefined {
  return checkedOrigin(withKnownOptions(options, ['origin']).origin);
}

/** A misspelt limit would never fail. */
function withKnownOptions<Options extends object>(options: Options, known: readonly string[]): Options {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`connmeter: options must be an object, got ${shown(options)}`);

  const unknown = Object.keys(options).find(key => !known.includes(key));
  if (unknown !== undefined)
    throw new TypeError(`connmeter: unknown option "${unknown}", expected ${known.map(key => `"${key}"`).join(', ')}`);
  return options;
}

function checkedNumber(option: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  const message = `connmeter: option "${option}" must be a whole number from 0, got ${shown(value)}`;
  if (typeof value !== 'number') throw new TypeError(message);
  if (!(value >= 0) || (value !== Infinity && !Number.isInteger(value))) throw new RangeError(message);
  return value;
}

function checkedOrigin(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const message = `connmeter: option "origin" must be "host:port" or the path of a Unix socket, got ${shown(value)}`;
  if (typeof value !== 'string') throw new TypeError(message);
  if (value.includes('://') || !/^\/|[^:]:\d{1,5}$/.test(value)) throw new RangeError(message);
  return value;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : inspect(value, { depth: 0 });
}
