// The server process. Its servers keep connections open or close them in different ways, each on its own port. start.ts runs it as
// `node --import connmeter/register server.ts`, so the metrics need no code here.
import { once } from 'node:events';
import http, { type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exitWithParent } from '../demo/exit-with-parent.ts';

exitWithParent();

export type ServerName =
  | 'keep-alive of 65 s'
  | 'Connection: close'
  | 'keep-alive of 1 s'
  | 'keep-alive not announced'
  | 'limit of five requests'
  | 'slow';

const hello: RequestListener = (_request, response) => void response.end('hello');
/** Setting the header keeps Node from adding `Keep-Alive: timeout`, so the client does not know the timeout. */
const helloWithoutTimeout: RequestListener = (_request, response) => {
  response.setHeader('connection', 'keep-alive');
  response.end('hello');
};
const close: RequestListener = (_request, response) => {
  response.setHeader('connection', 'close');
  response.end('bye');
};

const servers: Record<ServerName, http.Server> = {
  'keep-alive of 65 s': http.createServer({ keepAliveTimeout: 65_000 }, hello),
  'Connection: close': http.createServer(close),
  'keep-alive of 1 s': http.createServer({ keepAliveTimeout: 1_000 }, hello),
  'keep-alive not announced': http.createServer(
    { keepAliveTimeout: 100, keepAliveTimeoutBuffer: 0 } as object,
    helloWithoutTimeout,
  ),
  'limit of five requests': Object.assign(http.createServer(hello), { maxRequestsPerSocket: 5 }),
  slow: http.createServer((_request, response) => void setTimeout(() => response.end('late'), 5_000).unref()),
};

const ports: Record<string, number> = {};
for (const [name, server] of Object.entries(servers)) {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  ports[name] = (server.address() as AddressInfo).port;
}
process.send?.(ports);
