// Connects to names through caching lookups: undici's DNS interceptor, or a Map in front of dns.lookup.
import dns from 'node:dns';
import http from 'node:http';
import net, { type LookupFunction } from 'node:net';
import { Agent as Agent8, interceptors as interceptors8, request as undici8 } from 'undici';
import { Agent as Agent7, interceptors as interceptors7, request as undici7 } from 'undici7';
import { errorCode, instrument, readTask, sendReport } from './program.ts';
import { readToEnd } from './requests.ts';
import { connectAndEnd, port, web } from './web-server.ts';

export interface CachedLookupsTask {
  readonly client: CachedClientName;
  readonly names: readonly string[];
  /** Connections per name. */
  readonly times: number;
}

export interface CachedLookupsReport {
  readonly endings: Record<string, string[]>;
  readonly accepts: number;
}

export type CachedClientName = keyof typeof clients;

type Answer = Parameters<Parameters<LookupFunction>[2]>;

/** Caches the results of dns.lookup, failures too. Cached results are delivered by `later`. */
function cachingLookup(later: (say: () => void) => void): LookupFunction {
  const answers = new Map<string, Answer>();
  return (host, options, callback) => {
    const key = `${host} ${JSON.stringify(options)}`;
    const kept = answers.get(key);
    if (kept !== undefined) return later(() => callback(...kept));

    dns.lookup(host, options, (...answer) => {
      answers.set(key, answer as Answer);
      callback(...(answer as Answer));
    });
  };
}

const atOnce = cachingLookup(say => say());
const nextTurn = cachingLookup(say => setImmediate(say));
const agent = new http.Agent({ lookup: nextTurn });
const undici8Keeping = new Agent8({ connect: { lookup: nextTurn } });
const undici7Intercepting = new Agent7().compose(interceptors7.dns());
const undici8Intercepting = new Agent8().compose(interceptors8.dns());

const clients = {
  'undici 7 with interceptors.dns': async (name: string) =>
    void (await (await undici7(`http://${name}:${port}/`, { dispatcher: undici7Intercepting })).body.text()),
  'undici 8 with interceptors.dns': async (name: string) =>
    void (await (await undici8(`http://${name}:${port}/`, { dispatcher: undici8Intercepting })).body.text()),
  'undici 8 with a lookup that keeps answers': async (name: string) =>
    void (await (await undici8(`http://${name}:${port}/`, { dispatcher: undici8Keeping })).body.text()),
  'node:http with a lookup that keeps answers': (name: string) => readToEnd(http.get({ host: name, port, agent })),
  'node:net with a lookup that keeps answers': (name: string) =>
    connectAndEnd(net.connect({ port, host: name, lookup: nextTurn })),
  'node:net with a lookup that answers in the same turn': (name: string) =>
    connectAndEnd(net.connect({ port, host: name, lookup: atOnce })),
};

const { client, names, times } = readTask<CachedLookupsTask>();
const readMetrics = instrument();
let accepts = 0;
web.on('connection', () => accepts++);
const endings: Record<string, string[]> = {};
for (const name of names) {
  const reach = () => clients[client](name).then(() => 'ok', errorCode);
  const first = await reach();
  endings[name] = [first, ...(await Promise.all(Array.from({ length: times - 1 }, reach)))];
}
web.close();

sendReport({ metrics: await readMetrics(), endings, accepts });
