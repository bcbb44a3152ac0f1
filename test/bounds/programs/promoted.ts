// promoted.ts <client>: by how many bytes the space of old objects grows while connections come and go, before any full collection.
// What is still needed when young objects are collected moves there.
import { setImmediate as nextRound } from 'node:timers/promises';
import { getHeapSpaceStatistics } from 'node:v8';
import { CONNECTIONS, type ReplayedConnection } from '../../../bench/replayed-clients.ts';
import { serving } from '../../../bench/replayed-servers.ts';
import { ConnectionInstrumentation } from '../../../src/index.ts';

export type PromotedTask = ReplayedConnection | 'server';

const AT_ONCE = 20;
const WARM_UP = 10_000;
const MEASURED = 10_000;

function lifeOf(task: PromotedTask): () => (() => void)[] {
  if (task === 'server') {
    const serve = serving();
    return () => [serve()];
  }
  const { make, steps } = CONNECTIONS[task];
  return () => {
    const life = make('a.test');
    return steps.map(
      ({ play }) =>
        () =>
          play(life as never),
    );
  };
}

new ConnectionInstrumentation();
const begin = lifeOf(JSON.parse(process.argv[2] as string) as PromotedTask);

/** There are always others open when one closes. */
async function replay(count: number): Promise<void> {
  let open: (() => void)[] = [];
  for (let done = 0; done < count; done += AT_ONCE) {
    const lives = Array.from({ length: AT_ONCE }, begin);
    for (const steps of lives) for (const step of steps.slice(0, -1)) step();
    await nextRound();
    for (const close of open) close();
    open = lives.map(steps => steps.at(-1) as () => void);
    await nextRound();
  }
  for (const close of open) close();
}

const inOldSpace = () =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')?.space_used_size ?? Number.NaN;

await replay(WARM_UP);
globalThis.gc?.();
const before = inOldSpace();
await replay(MEASURED);
process.stdout.write(JSON.stringify((inOldSpace() - before) / MEASURED), () => process.exit());
