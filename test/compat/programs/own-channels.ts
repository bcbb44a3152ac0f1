// A program that subscribes to the channels: the same messages in the same order, and only its own subscription to remove.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import http from 'node:http';
import { PerformanceObserver } from 'node:perf_hooks';
import { eventLoopTurns, freePort, listen, print } from '../program-helpers.ts';

const http1 = ['request.created', 'request.start', 'request.error', 'response.finish'].map(
  name => `http.client.${name}`,
);
const clients = ['beforeConnect', 'connected', 'sendHeaders', 'connectError'].map(name => `undici:client:${name}`);
const requests = ['create', 'headers', 'trailers', 'error'].map(name => `undici:request:${name}`);
const names = ['net.client.socket', ...http1, ...clients, ...requests];
const port = await listen(http.createServer((_, response) => response.end('ok')));
const refused = await freePort();
const hear = (message: unknown, name: string | symbol) => print(String(name), Object.keys(message as object));
for (const name of names) subscribe(name, hear);
const seen: string[] = [];
const observer = new PerformanceObserver(list => seen.push(...list.getEntries().map(({ entryType }) => entryType)));
observer.observe({ entryTypes: ['dns', 'net', 'http'] });
const [response] = await once(http.get(`http://localhost:${port}/`), 'response');
await response.resume().toArray();
await (await fetch(`http://localhost:${port}/`)).text();
await fetch(`http://127.0.0.1:${refused}/`).catch(() => {});
await eventLoopTurns(5);
print(
  seen.filter(type => type === 'dns'),
  seen.includes('net'),
);
observer.disconnect();
print(names.map(name => unsubscribe(name, hear)));
const [again] = await once(http.get(`http://127.0.0.1:${port}/`), 'response');
again.resume();
