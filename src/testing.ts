/**
 * For tests of a program: `import { expectReuse } from 'connmeter/testing'`. A test fails if code opens more connections than it
 * should, or leaves a response unread. Works with every test runner, and measures from when it is imported.
 */

import { programFrame } from './client/attribution/call-sites.ts';
import { framesOf } from './client/attribution/request-lines.ts';
import { ConnectionInstrumentation } from './instrumentation.ts';
import { normalOrigin, type WatchedOrigin } from './testing/changes.ts';
import { checkedFunction, checkedLimits, checkedWatch, type ReuseLimits, type WatchOptions } from './testing/limits.ts';
import { wasteOf } from './testing/waste.ts';
import { Watcher } from './testing/watcher.ts';

export type { OpenCause } from './core/causes.ts';
export type { Phase } from './core/errors.ts';
export type { CloseReason } from './core/reasons.ts';
export type { WatchedLine, WatchedOrigin } from './testing/changes.ts';
export type { ReuseLimits, WatchOptions } from './testing/limits.ts';

/** What a function returned, and what happened to connections while it ran. Plain data. */
export interface WatchedConnections<Result> {
  /** What the function returned, or what its promise resolved to. */
  readonly result: Result;
  /** One entry for each server (host and port) that anything happened to. */
  readonly origins: readonly WatchedOrigin[];
}

/**
 * A function wasted connections. The message names the servers, the causes, the lines that did it, and what to change.
 */
export class ConnectionsWasted extends Error {
  override readonly name = 'ConnectionsWasted';
}

/** As many as the option allows: each test may have servers of its own. */
const MAX_ORIGINS = 1_000;

const watcher = new Watcher(
  lines => new ConnectionInstrumentation({ servers: false, maxOrigins: MAX_ORIGINS, enabled: false }, { lines }),
);

/**
 * Runs a function, and returns what happened to the connections of this process while it ran. If responses are unfinished at its end,
 * it waits for up to 1.2 s, because an unread response holds its connection only after half a second.
 *
 * Only one function can be watched at a time in one process. Connections of other code that runs at the same time count too, unless
 * `origin` excludes them.
 *
 * @example
 * const { result, origins } = await watchConnections(() => pay(100));
 * assert.equal(origins[0].requests.reused, 2);
 *
 * @throws whatever the function throws; Error if another one is being watched; TypeError or RangeError if an argument is invalid.
 */
export async function watchConnections<Result>(
  fn: () => Result | PromiseLike<Result>,
  options: WatchOptions = {},
): Promise<WatchedConnections<Result>> {
  checkedFunction(fn);
  const origin = checkedWatch(options);
  const { result, origins } = await watcher.watch(lineOf(framesAbove(watchConnections)), fn);
  return { result, origins: selected(origins, origin) };
}

/**
 * Runs a function, and fails if it wastes connections: if it opens more connections to a server than `opened`, leaves more than `held`
 * responses unread (default: 0), or if more than `failed` connections cannot be opened. Limits are maximum numbers for each server.
 * Returns what the function returned. It runs as `watchConnections` does.
 *
 * @example
 * test('payments share one connection', async () => {
 *   await expectReuse(async () => {
 *     for (let i = 0; i < 10; i++) await pay(100);
 *   }, { opened: 2 });
 * });
 *
 * @throws ConnectionsWasted if a limit is exceeded; whatever the function throws; Error if another one is being watched;
 * TypeError or RangeError if an argument is invalid, or if the function never called the server in `origin`.
 */
export async function expectReuse<Result>(
  fn: () => Result | PromiseLike<Result>,
  limits: ReuseLimits = {},
): Promise<Result> {
  checkedFunction(fn);
  const checked = checkedLimits(limits);
  const frames = framesAbove(expectReuse);
  const { result, origins } = await watcher.watch(lineOf(frames), fn);
  const looked = selected(origins, checked.origin);
  if (checked.origin !== undefined && looked.length === 0) throw new RangeError(neverCalled(checked.origin, origins));

  const waste = wasteOf(looked, checked);
  if (waste !== '') throw wasted(waste, frames);
  return result;
}

/** With the stack of the call, so that test runners show the line of the test. */
function wasted(waste: string, frames: string): ConnectionsWasted {
  const error = new ConnectionsWasted(waste);
  error.stack = `${error.name}: ${waste}\n${frames}`;
  return error;
}

function selected(origins: readonly WatchedOrigin[], origin: string | undefined): readonly WatchedOrigin[] {
  return origin === undefined ? origins : origins.filter(({ name }) => name === normalOrigin(origin));
}

/** A limit for a server with another name would never fail. */
function neverCalled(origin: string, called: readonly WatchedOrigin[]): string {
  const names = called.map(({ name }) => name).join(', ') || 'no server';
  return `connmeter: option "origin" must be a server that the function calls, got "${origin}"; it called ${names}`;
}

/** The frames of the code that called a function of ours, as text. */
function framesAbove(ours: (...args: never[]) => unknown): string {
  const here: { stack?: unknown } = {};
  Error.captureStackTrace(here, ours);
  return String(here.stack)
    .split('\n')
    .filter(line => /^\s+at /.test(line))
    .join('\n');
}

function lineOf(frames: string): string {
  return programFrame(framesOf(frames)) ?? 'an unknown line';
}
