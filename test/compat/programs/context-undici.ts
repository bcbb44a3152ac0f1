// AsyncLocalStorage: the store that each undici callback runs in.
import { AsyncLocalStorage } from 'node:async_hooks';
import http from 'node:http';
import { Client, fetch, Pool } from 'undici';
import { eventLoopTurns, listen, print } from '../program-helpers.ts';

const storage = new AsyncLocalStorage<string>();
const tell = (what: string) => print(what, storage.getStore());
const url = `http://127.0.0.1:${await listen(http.createServer((_, response) => response.end('ok')))}`;
const client = new Client(url, { pipelining: 2 });
const pool = new Pool(url, { connections: 1 });
for (const [name, each] of Object.entries({ client, pool })) {
  each.on('connect', () => tell(`${name} connect`)).on('disconnect', () => tell(`${name} disconnect`));
}
async function all() {
  for (const each of [client, pool]) {
    const { body } = await each.request({ path: '/', method: 'GET' });
    tell('answered');
    for await (const _ of body) tell('data');
  }
  const response = await fetch(url, { dispatcher: pool });
  tell('fetched');
  await response.text();
  tell('read');
}
for (const name of ['one', 'two']) await storage.run(name, all);
await storage.run('end', () => Promise.all([client.close(), pool.close()]));
await eventLoopTurns();
