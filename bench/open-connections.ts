import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { ServerAddress } from './server.ts';
import { type Observer, VARIANTS, type VariantName } from './variants.ts';

export interface OpenConnectionsTask {
  readonly client: 'http' | 'undici';
  readonly variant: VariantName;
  readonly address: ServerAddress;
  readonly connections: number;
}

/** Memory of the client per idle connection, in bytes. */
export interface OpenConnectionsResult {
  /** Heap, including external memory: after a garbage collection, and before it. */
  readonly heap: number;
  readonly heapBefore: number;
  /** Resident memory of the process; coarse. */
  readonly resident: number;
}

/** A few connections, so that all code is loaded. */
const WARM_UP = 50;

/** Opens connections in parallel, lets them become idle, and measures their memory. */
export async function openConnections({
  client,
  variant,
  address,
  connections,
}: OpenConnectionsTask): Promise<OpenConnectionsResult> {
  const { counted }: Observer = await VARIANTS[variant].start();
  const open = OPENING[client](address);
  await open(WARM_UP);
  await counted?.();
  const before = await collected();
  await open(connections); // reuses the warm-up connections
  await counted?.();
  const full = inUse();
  const after = await collected();

  const opened = connections - WARM_UP;
  return {
    heap: (after.heap - before.heap) / opened,
    heapBefore: (full.heap - before.heap) / opened,
    resident: (after.resident - before.resident) / opened,
  };
}

/** The server answers only when all requests have arrived, so each request has its own connection. */
const OPENING = {
  http: ({ host, port }: ServerAddress) => {
    const agent = new http.Agent({ keepAlive: true, maxFreeSockets: Infinity });
    const visit = (path: string) =>
      new Promise<void>((resolve, reject) => {
        http
          .get({ host, port, path, agent }, response => response.resume())
          .on('error', reject)
          .on('close', resolve);
      });
    return (count: number) => all(count, visit);
  },
  undici: ({ host, port }: ServerAddress) => {
    const dispatcher = new Agent({ allowH2: false, keepAliveTimeout: 600_000, headersTimeout: 0, bodyTimeout: 0 });
    const visit = async (path: string) => {
      const { body } = await request(`http://${host}:${port}${path}`, { dispatcher });
      await body.text();
    };
    return (count: number) => all(count, visit);
  },
};

async function all(count: number, visit: (path: string) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => visit(`/gather/${count}`)));
}

interface InUse {
  readonly heap: number;
  readonly resident: number;
}

/** Bytes in use after garbage collection. */
async function collected(): Promise<InUse> {
  for (let i = 0; i < 3; i++) {
    await pause(20);
    globalThis.gc?.();
  }
  return inUse();
}

function inUse(): InUse {
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, resident: rss };
}
