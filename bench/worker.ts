// Runs one measurement in its own process, so that measurements do not affect each other.
import { once } from 'node:events';
import { allocation } from './allocation.ts';
import { connectionAllocation } from './connection-allocation.ts';
import { growth } from './growth.ts';
import { handlers } from './handlers.ts';
import { openConnections } from './open-connections.ts';
import { scrape } from './scrape.ts';
import { series } from './series.ts';
import { startUp } from './start-up.ts';
import { traffic } from './traffic.ts';

export const WORK = {
  traffic,
  handlers,
  allocation,
  connectionAllocation,
  growth,
  openConnections,
  scrape,
  series,
  startUp,
};

process.on('disconnect', () => process.exit());
const [{ kind, task }] = (await once(process, 'message')) as [{ kind: keyof typeof WORK; task: never }];
const result = await WORK[kind](task);
process.send?.(result, () => process.exit());
