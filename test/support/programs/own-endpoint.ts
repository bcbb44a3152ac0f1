// own-endpoint.ts <url>: requests the URL, and serves the metrics of connmeter on a server of its own. Prints its port.
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { handleMetrics, metricsText } from 'connmeter/register';

await (await fetch(process.argv[2] as string)).text();
const server = http.createServer(async (request, response) => {
  if (request.url === '/handler') handleMetrics(request, response);
  else response.end(`# mine\n${await metricsText()}`);
});
await once(server.listen(0, '127.0.0.1'), 'listening');
console.log(`listening ${(server.address() as AddressInfo).port}.`);
await once(process.stdin, 'data');
process.stdin.destroy();
server.close();
server.closeAllConnections();
