import { type OpenedAt, RequestLines } from '../client/attribution/request-lines.ts';
import type { InProgress } from '../client/in-progress.ts';
import type { ClientSnapshot, OriginSnapshot } from '../client/snapshot.ts';
import { publish, subscribeAll } from '../core/channels.ts';
import { guardWith } from '../core/guard.ts';
import { originText } from '../core/origins.ts';
import { changesBetween, type LineEvent, type WatchedOrigin } from './changes.ts';
import { settle } from './settle.ts';

/** On this channel, copies of this module in one process learn of each other. Some test runners load one for each file. */
const CHANNEL = 'connmeter:testing';

/** A copy is about to measure. */
interface Question {
  readonly asker: object;
  /** Set by another copy, if it runs a test now: the line that called it. */
  running: string | undefined;
}

/** Of each kind and server, so many lines are looked up, because that is slow. */
const MAX_LINES = 100;

/** What is needed of an instrumentation. */
export interface Measured {
  readonly connections: { snapshot(): ClientSnapshot };
  enable(): void;
  disable(): void;
  countAll(): void;
  inProgress(): InProgress;
}

/**
 * Measures the connections of this process for tests, from when it is created. Its instrumentation shares nothing with others in the
 * process. Of several copies, the one that was created or used last measures, so that those of earlier test files cost nothing.
 */
export class Watcher {
  readonly #lines = new RequestLines();
  readonly #measured: Measured;
  #unsubscribe: (() => void) | undefined;
  #running: string | undefined;

  constructor(measuredWith: (lines: RequestLines) => Measured) {
    this.#measured = measuredWith(this.#lines);
    this.#begin();
  }

  /**
   * Runs a function, and returns what it returned and what it did. `caller`: the line that wants to know.
   *
   * @throws what the function throws; Error if another function is running.
   */
  async watch<Result>(
    caller: string,
    run: () => Result | PromiseLike<Result>,
  ): Promise<{ readonly result: Result; readonly origins: WatchedOrigin[] }> {
    const other = this.#running ?? this.#begin();
    if (other !== undefined) throw new Error(overlapping(other));

    this.#running = caller;
    try {
      const before = this.#count();
      this.#lines.record();
      const result = await run();
      await settle(() => this.#unfinished());
      const after = this.#count();
      return { result, origins: changesBetween(before, after, this.#events()) };
    } finally {
      this.#lines.take();
      this.#running = undefined;
    }
  }

  /** Starts measuring, unless it does. Returns the line of a test that another copy runs now. */
  #begin(): string | undefined {
    const question: Question = { asker: this, running: undefined };
    publish(CHANNEL, question);
    this.#measured.enable();
    this.#unsubscribe ??= subscribeAll(
      guardWith(() => {}),
      { [CHANNEL]: (asked: Question) => this.#answer(asked) },
    );
    return question.running;
  }

  #answer(question: Question): void {
    if (question.asker === this) return;
    if (this.#running !== undefined) {
      question.running = this.#running;
      return;
    }
    this.#measured.disable();
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  #count(): readonly OriginSnapshot[] {
    this.#measured.countAll();
    return this.#measured.connections.snapshot().origins;
  }

  /** What the function began and did not finish, and not what is left of code that ran before. */
  #unfinished(): InProgress {
    const { requests, opening } = this.#measured.inProgress();
    return {
      requests: requests.filter(({ request }) => this.#lines.hasRecorded(request)),
      opening: opening.filter(connection => this.#lines.hasRecorded(connection)),
    };
  }

  #events(): LineEvent[] {
    const held = this.#unfinished().requests.filter(({ isHeld }) => isHeld);
    const { opened, collected } = this.#lines.take();
    return [
      ...eventsOf(opened),
      ...[...held, ...collected].map(({ request, origin }) => ({
        ...origin,
        kind: 'held' as const,
        site: this.#lines.of(request),
      })),
    ];
  }
}

function eventsOf(opened: readonly OpenedAt[]): LineEvent[] {
  const counts = new Map<string, number>();
  return opened.map(({ kind, origin, line }) => {
    const key = `${kind} ${originText(origin)}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    return { ...origin, kind, site: count <= MAX_LINES ? line() : undefined };
  });
}

function overlapping(other: string): string {
  return (
    `connmeter: the function at ${other} is still running. Connections belong to the process, so only one function can be watched ` +
    'at a time: run such tests one after another (without `concurrent`), and await each call'
  );
}
