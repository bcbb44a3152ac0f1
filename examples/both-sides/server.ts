// The server process: servers that keep connections well and badly, each on a port of its own. Its metrics take nothing
// in here: start.ts runs it as `node --import connmeter/register server.ts`.
import { once } from 'node:events';
import http, { type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { stayWithParent } from '../demo/stay-with-parent.ts';

stayWithParent();

export type ServerName =
  | 'keeps connections'
  | 'says close'
  | 'keeps for 1 s'
  | 'keeps, says nothing'
  | 'five requests'
  | 'slow';

const hello: RequestListener = (_request, response) => void response.end('hello');
/** Without the `Keep-Alive: timeout` that Node sends, the client does not know how long it may stay. */
const quiet: RequestListener = (_request, response) => {
  response.setHeader('connection', 'keep-alive');
  response.end('hello');
};
const close: RequestListener = (_request, response) => {
  response.setHeader('connection', 'close');
  response.end('bye');
};

const servers: Record<ServerName, http.Server> = {
  'keeps connections': http.createServer({ keepAliveTimeout: 65_000 }, hello),
  'says close': http.createServer(close),
  'keeps for 1 s': http.createServer({ keepAliveTimeout: 1_000 }, hello),
  'keeps, says nothing': http.createServer({ keepAliveTimeout: 100, keepAliveTimeoutBuffer: 0 } as object, quiet),
  'five requests': Object.assign(http.createServer(hello), { maxRequestsPerSocket: 5 }),
  slow: http.createServer((_request, response) => void setTimeout(() => response.end('late'), 5_000).unref()),
};

const ports: Record<string, number> = {};
for (const [name, server] of Object.entries(servers)) {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  ports[name] = (server.address() as AddressInfo).port;
}
process.send?.(ports);
