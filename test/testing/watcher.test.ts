import { expect, test } from 'vitest';
import type { InProgress } from '../../src/client/in-progress.ts';
import type { ClientSnapshot as Snapshot } from '../../src/client/snapshot.ts';
import { Watcher } from '../../src/testing/watcher.ts';

/** What a watcher tells its instrumentation to do, in order. */
function watcher(): { watcher: Watcher; told: string[] } {
  const told: string[] = [];
  const snapshot: Snapshot = { origins: [], live: [], closed: [], callSites: [], advice: [] };
  const nothing: InProgress = { requests: [], opening: [] };
  const made = new Watcher(() => ({
    connections: { snapshot: () => snapshot },
    enable: () => void told.push('enable'),
    disable: () => void told.push('disable'),
    countAll: () => {},
    inProgress: () => nothing,
  }));
  watchers.add(made);
  return { watcher: made, told };
}

/** Kept, as the copies of a test runner are. */
const watchers = new Set<Watcher>();

test('measures from when it is created', () => {
  expect(watcher().told).toEqual(['enable']);
});

test('the copy that was created last measures', () => {
  const [first, second] = [watcher(), watcher()];

  expect([first.told, second.told]).toEqual([['enable', 'disable'], ['enable']]);
});

test('an earlier copy that is used again measures again, and then the others do not', async () => {
  const [first, second, third] = [watcher(), watcher(), watcher()];

  await first.watcher.watch('a.ts:1', () => 1);

  expect([first.told.at(-1), second.told.at(-1), third.told.at(-1)]).toEqual(['enable', 'disable', 'disable']);
});

test('a copy that runs a function goes on while another one is created', async () => {
  const first = watcher();
  let second: ReturnType<typeof watcher> | undefined;

  await first.watcher.watch('a.ts:1', () => {
    second = watcher();
  });

  expect([first.told, second?.told]).toEqual([['enable', 'enable'], ['enable']]);
});

test('a second function is refused while the first runs, by the same copy and by others', async () => {
  const [first, second] = [watcher(), watcher()];
  const [refusedBySame, refusedByOther] = await first.watcher
    .watch('a.ts:1', () =>
      Promise.all([first, second].map(each => each.watcher.watch('b.ts:2', () => 1).catch((error: Error) => error))),
    )
    .then(({ result }) => result);

  for (const refused of [refusedBySame, refusedByOther]) {
    expect(refused).toBeInstanceOf(Error);
    expect((refused as Error).message).toMatch(/^connmeter: the function at a\.ts:1 is still running/);
  }
  await expect(second.watcher.watch('b.ts:2', () => 1)).resolves.toEqual({ result: 1, origins: [] });
});

test('after a function that throws, the next one runs', async () => {
  const { watcher: only } = watcher();
  const error = new Error('of the program');

  await expect(only.watch('a.ts:1', () => Promise.reject(error))).rejects.toBe(error);
  await expect(only.watch('b.ts:2', () => 1)).resolves.toMatchObject({ result: 1 });
});
