import type { InProgress } from '../client/in-progress.ts';

// Not the global one: the test runner may have replaced it before this file was loaded.
const { setTimeout } = process.getBuiltinModule('node:timers');

/** In milliseconds. The first pauses let clients take their connections back, which needs a few turns of the event loop. */
const FIRST_PAUSES = [1, 2, 5];
const PAUSE = 50;
/** For so many pauses, 1.2 s in all: an unread response counts after half a second, and its buffers may have to fill before. */
const MAX_PAUSES = 24;

/**
 * Waits until everything is over that a look finds, or its responses are known to be unread. Looks often, because a response counts as
 * unread only if two looks have found it so. Counts the pauses and not the time: a test may have stopped the clock.
 *
 * The timer keeps the process alive: an idle one would end while the test waits for this.
 */
export async function settle(look: () => InProgress): Promise<void> {
  for (const pause of FIRST_PAUSES) {
    await passed(pause);
    look();
  }
  for (let pauses = 0; pauses < MAX_PAUSES && isUndecided(look()); pauses++) await passed(PAUSE);
}

/** Whether a look later may find something else. */
function isUndecided({ requests, opening }: InProgress): boolean {
  return opening.length > 0 || requests.some(({ isHeld }) => !isHeld);
}

function passed(milliseconds: number): Promise<void> {
  return new Promise(resolve => void setTimeout(resolve, milliseconds));
}
