// Runs one measurement in its own process, so that measurements do not affect each other.
import { allocation } from './allocation.ts';
import { connectionAllocation } from './connection-allocation.ts';
import { growth } from './growth.ts';
import { handlers } from './handlers.ts';
import { openConnections } from './open-connections.ts';
import { scrape } from './scrape.ts';
import { series } from './series.ts';
import { startUp } from './start-up.ts';
import { traffic } from './traffic.ts';

/** Measured in one go. */
export const WORK = { allocation, connectionAllocation, growth, openConnections, series, startUp };

/** Measured in turns with the other variants: the process waits after each. */
export const TURNS = { traffic, handlers, scrape };

type Message = { readonly kind: string; readonly task: never } | 'next';

let turns: AsyncGenerator<object> | undefined;

process.on('disconnect', () => process.exit());
process.on('message', async (message: Message) => {
  if (message === 'next') process.send?.(await turns?.next());
  else if (message.kind in TURNS) turns = TURNS[message.kind as keyof typeof TURNS](message.task);
  else {
    const result = await WORK[message.kind as keyof typeof WORK](message.task);
    process.send?.(result, () => process.exit());
  }
});
