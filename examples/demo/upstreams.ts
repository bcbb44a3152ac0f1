// The servers that the demo program calls, in a process of their own: one port for each caller, so that each is an
// origin of its own in the metrics. Started by start.ts, which is told where they are; ends with it.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http, { type RequestListener } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { stayWithParent } from './stay-with-parent.ts';

stayWithParent();

const FIRST_PORT = 8101;
const certificates = process.argv[2] as string;

const small: RequestListener = (_request, response) => void response.end('hello');
const large: RequestListener = (_request, response) => void response.end(Buffer.alloc(200_000, '.'));
const closing: RequestListener = (_request, response) => void response.setHeader('connection', 'close').end('hello');

function secure(name: string): https.Server {
  const cert = readFileSync(`${certificates}/${name}.crt`);
  return https.createServer({ cert, key: readFileSync(`${certificates}/${name}.key`) }, small);
}

const servers = {
  'shared pool': http.createServer(small),
  'shared pool, HTTPS': secure('valid'),
  // A server gives up on a client that takes nothing for so long. It also keeps the demo small.
  'body never read': http.createServer(large).setTimeout(15_000),
  'client per request': http.createServer(small),
  'keep-alive off': http.createServer(small),
  'server keep-alive of 1 s': http.createServer({ keepAliveTimeout: 1_000 }, small),
  'Connection: close': http.createServer(closing),
  'certificate expired': secure('expired'),
};

/** Nobody listens on port 1, and names under .invalid never exist. */
const nowhere = {
  'port refused': 'http://localhost:1/',
  'name not found': 'http://no-such-name.invalid/',
};

/** What a caller is called in the table, by what it does or what happens to it. */
export type CallerName = keyof typeof servers | keyof typeof nowhere;

async function listen(server: http.Server, port: number): Promise<string> {
  try {
    server.listen(port, 'localhost');
    await once(server, 'listening');
  } catch {
    server.listen(0, 'localhost'); // the usual port is taken: any free one will do
    await once(server, 'listening');
  }
  const protocol = server instanceof https.Server ? 'https' : 'http';
  return `${protocol}://localhost:${(server.address() as AddressInfo).port}/`;
}

const urls: Record<string, string> = {};
for (const [index, [name, server]] of Object.entries(servers).entries()) {
  server.on('tlsClientError', () => {}); // the client that refuses our certificate; it says so itself
  urls[name] = await listen(server, FIRST_PORT + index);
}
process.send?.({ ...urls, ...nowhere });
