import { expect, onTestFinished, test } from 'vitest';
import { inChildProcess, ServerProcess, turnsOfChildProcess } from '../../bench/processes.ts';
import { HTTP_CONNECTION, REUSED_CONNECTIONS, UNDICI_CONNECTION } from '../../bench/replayed-clients.ts';
import { PLAIN_VARIANTS, SCRAPED } from '../../bench/results.ts';
import type { Figures } from '../../bench/turns.ts';
import type { VariantName } from '../../bench/variants.ts';
import { WORKLOADS } from '../../bench/workloads.ts';

/** Too few for useful figures, but each worker runs completely. */
const TINY = { atOnce: 2, young: 10, warmUp: 14, times: 10 };

function serving(): ServerProcess {
  const server = new ServerProcess();
  onTestFinished(() => server.stop());
  return server;
}

async function all(turns: AsyncIterable<Figures>): Promise<Figures[]> {
  const found: Figures[] = [];
  for await (const turn of turns) found.push(turn);
  return found;
}

/** How many turns had each figure. */
function figuresIn(turns: readonly Figures[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const figure of turns.flatMap(turn => Object.keys(turn))) counts[figure] = (counts[figure] ?? 0) + 1;
  return counts;
}

test.each(Object.entries(WORKLOADS))(
  '%s runs, and all requests are counted',
  async (name, workload) => {
    const server = serving();
    const { client, otel } = workload;
    const variants: VariantName[] = [otel ?? 'connmeter'];
    if (name === 'steady/undici') variants.push('noop', 'connmeter', 'add', 'prom');

    for (const variant of variants) {
      const address = await server.listen(workload.server);
      expect(figuresIn(await all(turnsOfChildProcess('traffic', { client, variant, address, ...TINY })))).toEqual({
        young: 1,
        warm: 10,
      });
    }
  },
  60_000,
);

test('an observer that counts a different number of requests is an error', async () => {
  const address = await serving().listen('http');

  // the instrumentation of undici does not measure node:http
  const task = { client: 'http', variant: 'undici', address, ...TINY } as const;
  await expect(all(turnsOfChildProcess('traffic', task))).rejects.toThrow('traffic ended with 1');
});

test.each(PLAIN_VARIANTS)(
  'each event is timed, and the allocations of each client are measured, with %s',
  async variant => {
    const turns = await all(turnsOfChildProcess('handlers', { variant, samples: 2 }));

    expect(turns.flatMap(turn => Object.keys(turn))).toEqual([
      ...Object.keys(REUSED_CONNECTIONS),
      ...UNDICI_CONNECTION.steps.map(({ event }) => `undici ${event}`),
      ...HTTP_CONNECTION.steps.map(({ event }) => `http ${event}`),
    ]);
    for (const time of turns.flatMap(turn => Object.values(turn))) expect(time).toBeGreaterThan(0);
    expect(await inChildProcess('allocation', { client: 'http', variant, requests: 100 })).toEqual({
      collections: expect.any(Number),
      allocated: expect.any(Number),
      kept: expect.any(Number),
    });
    expect(await inChildProcess('connectionAllocation', { client: 'undici', variant })).toEqual({
      allocated: expect.any(Number),
    });
  },
  60_000,
);

test('the memory of open connections and of long traffic is measured', async () => {
  const server = serving();

  for (const client of ['http', 'undici'] as const) {
    const address = await server.listen('http');
    const weight = await inChildProcess('openConnections', {
      client,
      variant: 'connmeter',
      address,
      connections: 150,
    });
    expect(weight.heap).toBeGreaterThan(0);
    expect(weight.heapBefore).toBeGreaterThan(0);
  }
  const address = await server.listen('http');
  const task = { client: 'undici', variant: 'connmeter', address, stretch: 20, stretches: 3 } as const;
  expect((await inChildProcess('growth', task)).used).toHaveLength(3);
}, 60_000);

test.each(SCRAPED)(
  'a scrape of %s is measured',
  async variant => {
    const turns = await all(turnsOfChildProcess('scrape', { variant, origins: 3, scrapes: 2 }));
    const { series = 0, bytes = 0, gzipBytes = 0 } = turns[0] ?? {};

    expect(series).toBeGreaterThan(3 * 30);
    expect(bytes).toBeGreaterThan(100 * series);
    expect(gzipBytes < bytes / 5).toBe(variant === 'connmeter' || variant === 'ready');
    const many = variant === 'connmeter' || variant === 'ready' ? 3 : 1;
    expect(figuresIn(turns.slice(1))).toEqual({ cpu: 2, gzipCpu: 2, manyCpu: many, piece: 1, manyPiece: 1 });
  },
  60_000,
);

test('the number of series grows with the events of an origin', async () => {
  const counts = (await inChildProcess('series', { detail: 'full' })).map(({ series }) => series);

  expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  expect(new Set(counts).size).toBe(counts.length - 1); // the series of a refusal was initialised before
}, 60_000);
