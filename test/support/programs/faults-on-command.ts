// faults-on-command.ts: requests its own server ten times a second. Commands on stdin: "hold" leaves response bodies unread,
// "client" creates a client per request, "behave" releases the bodies and behaves again. Prints the `host:port` that it
// requests, and each command once it takes effect.
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { Client } from 'undici';

const BODY = Buffer.alloc(200_000, '.');
const MOST_HELD = 8;

const server = http.createServer((_request, response) => void response.end(BODY));
await once(server.listen(0, '127.0.0.1'), 'listening');
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const held: Response[] = [];

const calls: Readonly<Record<string, () => Promise<unknown>>> = {
  behave: async () => (await fetch(origin)).arrayBuffer(),
  hold: async () => {
    if (held.length < MOST_HELD) held.push(await fetch(origin));
  },
  client: async () => {
    const client = new Client(origin);
    const { body } = await client.request({ method: 'GET', path: '/' });
    await body.dump({ limit: BODY.length });
    await client.close();
  },
};

let told = 'behave';
createInterface({ input: process.stdin }).on('line', async line => {
  told = line;
  await Promise.all(held.splice(0).map(response => response.arrayBuffer()));
  console.log(`told to ${line}`);
});
console.log(`asks ${new URL(origin).host}.`);
setInterval(() => void calls[told]?.(), 100);
