import { CLIENTS, type ClientName } from './clients.ts';
import { countCollections } from './gc-counts.ts';
import type { ServerAddress } from './server.ts';
import { inParallel } from './traffic.ts';
import { VARIANTS, type VariantName } from './variants.ts';

export interface GrowthTask {
  readonly client: ClientName;
  readonly variant: VariantName;
  readonly address: ServerAddress;
  /** Requests per stretch, and number of stretches. */
  readonly stretch: number;
  readonly stretches: number;
}

export interface GrowthResult {
  /** Heap in use after a full collection at the end of each stretch, in bytes. */
  readonly used: readonly number[];
  /** Minor collections in all stretches except the first, which is warm-up. */
  readonly minor: number;
}

/** Measures the heap during very many real requests on reused connections. */
export async function growth({ client, variant, address, stretch, stretches }: GrowthTask): Promise<GrowthResult> {
  await VARIANTS[variant].start();
  const collections = countCollections();
  const doing = await CLIENTS[client](address);
  const used: number[] = [];
  let warm = { minor: 0 };
  for (let i = 0; i < stretches; i++) {
    await inParallel(doing, stretch, 10);
    globalThis.gc?.();
    used.push(process.memoryUsage().heapUsed);
    if (i === 0) warm = await collections();
  }
  return { used, minor: (await collections()).minor - warm.minor };
}
