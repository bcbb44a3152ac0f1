import { beforeAll, describe, expect, test } from 'vitest';
import { namespace, testInNamespace } from '../support/namespace.ts';
import type { SilentResolverReport, SilentResolverTask } from '../support/netns/silent-resolver.ts';
import { type Allowed, CHANNELS, FOOTPRINTS, type Footprint } from './allowed.ts';
import { differences, EMPTY_MODULE, observeLoading, observeSideEffects, setUpFolder, WAYS } from './observe.ts';

const LINE = Number(process.versions.node.split('.', 1)[0]);
const NONE: Footprint = { modules: [], differences: [] };
const ANY_PORT = { OTEL_EXPORTER_PROMETHEUS_PORT: '0' };
const DISABLED = { ...ANY_PORT, OTEL_SDK_DISABLED: 'true' };
const onThisLine = (allowed: readonly Allowed[]) =>
  allowed.filter(({ on }) => on?.includes(LINE) ?? true).map(({ what }) => what);

const LOADED = Object.entries(FOOTPRINTS).flatMap(([entry, footprint]) => [
  { entry, state: 'enabled', footprint, env: ANY_PORT },
  // The others have nothing to disable: the main entry starts nothing by itself, and tests want to measure.
  { entry, state: 'disabled', footprint: entry === 'connmeter/register' ? NONE : footprint, env: DISABLED },
]);
const CASES = LOADED.flatMap(loaded => WAYS.map(way => ({ ...loaded, way })));

let folder: string;
beforeAll(async () => {
  folder = await setUpFolder(Object.keys(FOOTPRINTS));
});

describe.concurrent('loading connmeter differs from loading an empty module only by the listed differences', () => {
  test.each(CASES)('$entry by $way, $state', async ({ entry, way, state, env, footprint }) => {
    const modules = onThisLine(footprint.modules);
    const looking = { channels: CHANNELS, env };

    const ours = await observeLoading(folder, entry, way, looking);
    const modulesAlone = await observeLoading(folder, EMPTY_MODULE, way, { ...looking, modules });

    // A listed module that is no longer loaded is a difference, too.
    // If it is disabled it may have loaded less: the empty module has a second file.
    const found = differences(ours, modulesAlone).filter(word => state === 'enabled' || word.startsWith('+'));
    expect(found).toEqual(onThisLine(footprint.differences).toSorted());
  });
});

describe.concurrent('loading runs no getter of Node, replaces no function and causes no warning', () => {
  test.each(CASES)('$entry by $way, $state', async ({ entry, way, env }) => {
    const ours = await observeSideEffects(folder, entry, way, { env });
    const nothing = await observeSideEffects(folder, EMPTY_MODULE, way, { env });

    expect(differences(ours, nothing)).toEqual([]);
  });
});

testInNamespace()('a program that does nothing sends no DNS query, and exits at once', async () => {
  const task: SilentResolverTask = { folder, runs: [[], ['--import', 'connmeter/register']] };

  const { silences } = await namespace({ patience: 5, hosts: '127.0.0.1 me\n' }).run<SilentResolverReport>(
    'silent-resolver.ts',
    task,
  );

  expect(silences.map(({ code, questions }) => ({ code, questions }))).toEqual([
    { code: 0, questions: 0 },
    { code: 0, questions: 0 },
  ]);
  expect(silences[1]?.seconds).toBeLessThan(5);
});
