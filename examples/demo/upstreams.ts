// The servers that the demo program calls, in a process of their own: one address and port for each caller, so that each
// is an origin of its own in the metrics. Some are called by a name, so that there are lookups to see. Started by start.ts, which is told where they are; ends with it.
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

/** Called by their name; the others by addresses of their own, 127.0.0.3 and up. */
const BY_NAME: readonly string[] = ['shared pool', 'shared pool, HTTPS', 'client per request', 'certificate expired'];

/** Where to listen, the best first: the usual port may be taken, and some systems have no loopback address but the first. */
function placesFor(name: string, index: number): readonly (readonly [host: string, port: number])[] {
  const host = BY_NAME.includes(name) ? 'localhost' : `127.0.0.${index + 1}`;
  return [
    [host, FIRST_PORT + index],
    [host, 0],
    ['localhost', 0],
  ];
}

async function listen(server: http.Server, places: ReturnType<typeof placesFor>): Promise<string> {
  for (const [host, port] of places) {
    try {
      server.listen(port, host);
      await once(server, 'listening');
    } catch {
      continue;
    }
    const protocol = server instanceof https.Server ? 'https' : 'http';
    return `${protocol}://${host}:${(server.address() as AddressInfo).port}/`;
  }
  throw new Error('there is no port to listen on');
}

const urls: Record<string, string> = {};
for (const [index, [name, server]] of Object.entries(servers).entries()) {
  server.on('tlsClientError', () => {}); // the client that refuses our certificate; it says so itself
  urls[name] = await listen(server, placesFor(name, index));
}
process.send?.({ ...urls, ...nowhere });
