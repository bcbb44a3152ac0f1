// A process of its own for each measurement, so that none warms up, or wears down, the next.
import { once } from 'node:events';
import { traffic } from './traffic.ts';

export const WORK = { traffic };

process.on('disconnect', () => process.exit());
const [{ kind, task }] = (await once(process, 'message')) as [{ kind: keyof typeof WORK; task: never }];
const result = await WORK[kind](task);
process.send?.(result, () => process.exit());
