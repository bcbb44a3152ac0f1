import type { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from '../core/channels.ts';
import { isInProgramsContext, programStack } from './program-stack.ts';

/** On this channel, an instrumentation asks who makes a request now. */
export const CALLER = 'connmeter:caller';

/**
 * How far the asynchronous context of a request can be trusted. `always`: node:http restores it. `by stack`: undici also makes requests
 * in the context of whoever opened the connection. `never`: only the code that `withCaller` runs at this moment is known.
 */
export type ContextTrust = 'always' | 'by stack' | 'never';

export interface CallerQuestion {
  readonly trust: ContextTrust;
  /** The name of the caller. Undefined if it is not known. */
  answer: string | undefined;
}

let callers: AsyncLocalStorage<string> | undefined;
/** The caller whose code runs now, before its first `await`. */
let running: string | undefined;

/**
 * Names the part of the program that makes the requests of `run`, also those it makes later. The metrics
 * `connmeter.connection.opened`, `connmeter.requests` and `http.client.request.time_in_queue` get the label `connmeter.caller`, so they
 * show who opens connections and who waits. Returns what `run` returns.
 *
 * `name`: use few, such as the names of modules or jobs. After 20 different ones, the others share the name `_OTHER`. Only the first
 * 100 characters are used. Uses AsyncLocalStorage (https://nodejs.org/api/async_context.html). If it is not certain who made a request,
 * the request has no caller; docs/metrics.md says when.
 *
 * @example
 * const rates = await withCaller('payments', () => fetch('https://rates.example.com/'));
 *
 * @throws TypeError if `name` is no string or empty, or if `run` is no function; and whatever `run` throws.
 */
export function withCaller<Result>(name: string, run: () => Result): Result {
  checkName('withCaller', name);
  if (typeof run !== 'function') throw new TypeError(`withCaller: expected a function to run, got ${typeof run}`);

  callers ??= startAnswering();
  const outer = running;
  running = name;
  try {
    return callers.run(name, run);
  } finally {
    running = outer;
  }
}

/** @throws TypeError if `name` is no name of a caller. */
export function checkName(where: string, name: unknown): asserts name is string {
  if (typeof name === 'string' && name !== '') return;
  throw new TypeError(`${where}: expected a name, got ${name === '' ? 'an empty one' : typeof name}`);
}

function startAnswering(): AsyncLocalStorage<string> {
  const { AsyncLocalStorage } = process.getBuiltinModule('node:async_hooks');
  const storage = new AsyncLocalStorage<string>();
  subscribe(CALLER, message => {
    const question = message as CallerQuestion;
    question.answer = running ?? callerInContext(question.trust, storage);
  });
  return storage;
}

function callerInContext(trust: ContextTrust, storage: AsyncLocalStorage<string>): string | undefined {
  const caller = trust === 'never' ? undefined : storage.getStore();
  if (caller === undefined || trust === 'always') return caller;

  return isInProgramsContext(programStack()) ? caller : undefined;
}
