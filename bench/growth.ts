import { CLIENTS, type ClientName } from './clients.ts';
import { countCollections } from './gc-counts.ts';
import type { ServerAddress } from './server.ts';
import { inParallel } from './traffic.ts';
import { VARIANTS, type VariantName } from './variants.ts';

export interface GrowthTask {
  readonly client: ClientName;
  readonly variant: VariantName;
  readonly address: ServerAddress;
  /** How many requests a stretch has, and how many stretches there are. */
  readonly stretch: number;
  readonly stretches: number;
}

export interface GrowthResult {
  /** Bytes of the heap in use at the end of each stretch, all that is not needed having been collected. */
  readonly used: readonly number[];
  /** How often new objects were collected in all but the first, which warms up. */
  readonly minor: number;
}

/** Real requests on reused connections, very many of them: what becomes of the heap. */
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
