// The servers that the demo program calls. start.ts runs them in a separate process, which sends it their URLs. Each caller has its
// own address and port, so that the metrics show them separately. Some are called by name, so that there are DNS lookups.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http, { type RequestListener } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { exitWithParent } from './exit-with-parent.ts';

exitWithParent();

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
  // The server closes connections of clients that do not read for 15 s. This also limits the memory of the demo.
  'body never read': http.createServer(large).setTimeout(15_000),
  'client per request': http.createServer(small),
  'keep-alive off': http.createServer(small),
  'server keep-alive of 1 s': http.createServer({ keepAliveTimeout: 1_000 }, small),
  'Connection: close': http.createServer(closing),
  'certificate expired': secure('expired'),
};

/** Nothing listens on port 1, and names under .invalid never exist. */
const unreachable = {
  'port refused': 'http://localhost:1/',
  'name not found': 'http://no-such-name.invalid/',
};

/** The names of callers in the table. */
export type CallerName = keyof typeof servers | keyof typeof unreachable;

/** Called by name. The others have their own addresses, from 127.0.0.3 up. */
const BY_NAME: readonly string[] = ['shared pool', 'shared pool, HTTPS', 'client per request', 'certificate expired'];

/** Where to listen, in order of preference: the port may be in use, and some systems have only one loopback address. */
function addressesFor(name: string, index: number): readonly (readonly [host: string, port: number])[] {
  const host = BY_NAME.includes(name) ? 'localhost' : `127.0.0.${index + 1}`;
  return [
    [host, FIRST_PORT + index],
    [host, 0],
    ['localhost', 0],
  ];
}

async function listen(server: http.Server, addresses: ReturnType<typeof addressesFor>): Promise<string> {
  for (const [host, port] of addresses) {
    try {
      server.listen(port, host);
      await once(server, 'listening');
    } catch {
      continue;
    }
    const protocol = server instanceof https.Server ? 'https' : 'http';
    return `${protocol}://${host}:${(server.address() as AddressInfo).port}/`;
  }
  throw new Error('no free port to listen on');
}

const urls: Record<string, string> = {};
for (const [index, [name, server]] of Object.entries(servers).entries()) {
  server.on('tlsClientError', () => {}); // the client rejects the certificate, and reports it itself
  urls[name] = await listen(server, addressesFor(name, index));
}
process.send?.({ ...urls, ...unreachable });
