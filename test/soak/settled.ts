import { setTimeout as passed } from 'node:timers/promises';

const LONGEST = 15_000;

/** Waits until this holds, but not for long: the checks show what did not. */
export async function settled(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + LONGEST; !(await holds()) && performance.now() < deadline; )
    await passed(50);
}
