// Connects to names with one client, one after another, each on a new connection, and reports how each attempt ended.
import dns from 'node:dns';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { promisify } from 'node:util';
import { request as undici8 } from 'undici';
import { request as undici6 } from 'undici6';
import { request as undici7 } from 'undici7';
import { errorCode, instrument, readTask, sendReport } from './program.ts';
import { readToEnd } from './requests.ts';
import { connectAndEnd, port, web } from './web-server.ts';

export interface NameLookupsTask {
  readonly client: ClientName;
  readonly names: readonly string[];
  readonly maxOrigins?: number;
  /** Names that are resolved first, without a connection. */
  readonly resolvedBefore?: readonly string[];
}

export interface NameLookupsReport {
  /** 'ok' or the error code of each attempt, by name. */
  readonly endings: Record<string, string[]>;
}

export type ClientName = keyof typeof clients;

const clients = {
  fetch: async (name: string) => void (await (await fetch(`http://${name}:${port}/`)).text()),
  'undici 6': async (name: string) => void (await (await undici6(`http://${name}:${port}/`)).body.text()),
  'undici 7': async (name: string) => void (await (await undici7(`http://${name}:${port}/`)).body.text()),
  'undici 8': async (name: string) => void (await (await undici8(`http://${name}:${port}/`)).body.text()),
  'node:http': (name: string) => readToEnd(http.get({ host: name, port })),
  'node:http2': async (name: string) => {
    const session = http2.connect(`http://${name}:${port}/`).on('error', () => {});
    await once(session, 'connect');
    session.destroy();
  },
  'node:net': (name: string) => connectAndEnd(net.connect({ port, host: name })),
  'node:net, IPv4 only': (name: string) => connectAndEnd(net.connect({ port, host: name, family: 4 })),
  'dns.lookup': async (name: string) => void (await promisify(dns.lookup)(name)),
  'dns.promises.lookup': async (name: string) => void (await dns.promises.lookup(name, { all: true })),
  'dns.resolve4': async (name: string) => void (await promisify(dns.resolve4)(name)),
  'dns.promises.resolve4': async (name: string) => void (await dns.promises.resolve4(name)),
  'dns.promises.Resolver': async (name: string) => void (await new dns.promises.Resolver().resolve4(name)),
};

const { client, names, maxOrigins, resolvedBefore = [] } = readTask<NameLookupsTask>();
const readMetrics = instrument(maxOrigins === undefined ? {} : { maxOrigins });
for (const name of resolvedBefore) await dns.promises.resolve4(name);
const endings: Record<string, string[]> = {};
for (const name of names) {
  const ending = await clients[client](name).then(() => 'ok', errorCode);
  endings[name] = [...(endings[name] ?? []), ending];
}
web.close();
// Until its callback has returned, Node lists a lookup as pending.
await new Promise(setImmediate);

sendReport({ metrics: await readMetrics(), endings });
