import type { OpenCause } from '../../core/causes.ts';
import type { Phase } from '../../core/errors.ts';
import type { Origin } from '../../core/origins.ts';
import type { CloseReason } from '../../core/reasons.ts';
import { callSite, programFrame } from './call-sites.ts';

/** Finds a line of the program, such as `test/pay.test.ts:12`. Slow. Undefined if only packages and Node were running. */
export type Line = () => string | undefined;

/** What a line of the program did: the cause of a connection, or the reason if it replaced another one, or how it failed. */
export type LineKind = OpenCause | CloseReason | `failed_${Phase}`;

/** A line whose requests opened a connection. */
export interface OpenedAt {
  readonly kind: LineKind;
  readonly origin: Origin;
  readonly line: Line;
}

/** A response that nobody read, until it was garbage collected. */
export interface CollectedBody {
  readonly request: object;
  readonly origin: Origin;
}

/**
 * The lines of all requests and of all connections, for connmeter/testing. A service does not have it: it takes a stack for each
 * request.
 */
export class RequestLines {
  readonly #ofRequest = new WeakMap<object, Line>();
  readonly #ofConnection = new WeakMap<object, Line>();
  /** The requests and connections that began while it records. Undefined if it does not. */
  #recorded: WeakSet<object> | undefined;
  #opened: OpenedAt[] = [];
  #collected: CollectedBody[] = [];

  /** A request is created, and the code that creates it is on the stack. */
  created(request: object): void {
    this.#recorded?.add(request);
    this.#ofRequest.set(request, lineHere());
  }

  /** A connection is attempted, in most cases by the code that makes the request. */
  attempted(connection: object): void {
    this.#recorded?.add(connection);
    this.#ofConnection.set(connection, lineHere());
  }

  /** The first request of a connection. It may have waited for it, and then the attempt was made by an event of Node. */
  sentFirst(connection: object, request: object): void {
    const line = this.#ofRequest.get(request);
    if (line !== undefined) this.#ofConnection.set(connection, line);
  }

  /** A connection was counted. */
  counted(connection: object, origin: Origin, kind: LineKind): void {
    if (this.#recorded === undefined) return;

    const line = this.#ofConnection.get(connection) ?? nowhere;
    this.#opened.push({ kind, origin, line });
  }

  bodyCollected(request: object, origin: Origin): void {
    if (this.hasRecorded(request)) this.#collected.push({ request, origin });
  }

  /** The line of a request. Undefined if it is not known. */
  of(request: object): string | undefined {
    return this.#ofRequest.get(request)?.();
  }

  /** What is counted from now on is kept, until `take`. */
  record(): void {
    this.#recorded = new WeakSet();
  }

  /** Whether a request or a connection began since then. */
  hasRecorded(begun: object): boolean {
    return this.#recorded?.has(begun) === true;
  }

  /** Returns what was kept, and keeps no more. */
  take(): { readonly opened: readonly OpenedAt[]; readonly collected: readonly CollectedBody[] } {
    const taken = { opened: this.#opened, collected: this.#collected };
    this.#recorded = undefined;
    this.#opened = [];
    this.#collected = [];
    return taken;
  }
}

/** undici alone has some twenty frames between the program and the channel. */
const MAX_FRAMES = 100;

/**
 * The line that runs now. Test runners compile files, and show the lines of the originals only in the stack of an error. Its text is
 * made when it is read, so nearly all stacks cost little.
 */
function lineHere(): Line {
  const compiled = callSite();
  const { stackTraceLimit } = Error;
  Reflect.set(Error, 'stackTraceLimit', MAX_FRAMES); // does not throw if it is frozen
  const error = new Error();
  Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  return () => programFrame(framesOf(error.stack)) ?? compiled;
}

const nowhere: Line = () => undefined;

interface TextFrame {
  readonly scriptName: string;
  readonly lineNumber: number;
}

/** The frames in the text of a stack. A program may have replaced how it is written, so it can be anything. */
export function framesOf(stack: unknown): TextFrame[] {
  if (typeof stack !== 'string') return [];

  return Array.from(
    stack.matchAll(/^\s+at (?:.*? \()?(?:async )?([^()\n]+):(\d+):\d+\)?$/gm),
    ([, scriptName = '', line]) => ({ scriptName, lineNumber: Number(line) }),
  );
}
