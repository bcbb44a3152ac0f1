import { atFirstEvent } from '../../core/first-event.ts';
import type { Guard } from '../../core/guard.ts';
import type { Reading } from '../../metrics/table.ts';
import type { SharedMemory } from './memory.ts';
import type { SharedStorage } from './shared-storage.ts';
import { watchThreads } from './started-threads.ts';

interface ReportingOptions {
  readonly memory: SharedMemory;
  /** The entry of this thread. */
  readonly entry: number;
  readonly storage: SharedStorage;
  /** Brings the numbers of this thread up to date. */
  readonly read: () => readonly Reading[];
  readonly guard: Guard;
}

/** In a worker thread: answers the questions of the main thread, and says when this thread exits. */
export function reportToMainThread({ memory, entry, storage, read, guard }: ReportingOptions): void {
  const refresh = guard('refresh the numbers of a thread', () => storage.refreshed(read()));
  const answer = (turn: number) => {
    refresh();
    memory.answered(entry, turn);
    listen(turn);
  };
  const listen = (turn: number) => void memory.nextQuestion(turn).then(guard('answer', () => answer(memory.turn)));
  listen(memory.answerOf(entry));
  atFirstEvent(guard, () => memory.measures());
  watchThreads(guard, { ended: threadId => memory.ended(threadId) });
  process.once(
    'exit',
    guard('exit', () => {
      refresh();
      memory.exiting(entry);
    }),
  );
}
