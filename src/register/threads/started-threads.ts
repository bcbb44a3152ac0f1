import type { EventEmitter } from 'node:events';
import { subscribeAll } from '../../core/channels.ts';
import type { Guard } from '../../core/guard.ts';
import { guardedListeners, prependListeners } from '../../core/listeners.ts';

/** What is needed of a `Worker`. Its id is not known any more when it has ended. */
interface StartedThread extends EventEmitter {
  readonly threadId: number;
}

/** What happens to the threads that this one starts. */
interface StartedThreads {
  readonly started?: () => void;
  /** By itself, by an error or by `terminate()`. A thread ends after all threads that it started. */
  readonly ended: (threadId: number) => void;
}

/** Watches the threads that this one starts. */
export function watchThreads(guard: Guard, { started, ended }: StartedThreads): void {
  subscribeAll(guard, {
    worker_threads: ({ worker }: { worker: StartedThread }) => {
      const { threadId } = worker;
      prependListeners(worker, guardedListeners(guard, { exit: () => ended(threadId) }));
      started?.();
    },
  });
}
