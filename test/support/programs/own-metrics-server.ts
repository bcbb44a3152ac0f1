// own-metrics-server.ts <url> [first]: serves its own metrics on connmeter's port, with "first" after it has requested the
// URL. Prints "ready", and exits when it reads a line.
import { once } from 'node:events';
import http from 'node:http';

const [url = '', first] = process.argv.slice(2);
if (first) await (await fetch(url)).text();
const server = http.createServer((_request, response) => response.end("the program's own"));
server.listen(Number(process.env['OTEL_EXPORTER_PROMETHEUS_PORT']));
await once(server, 'listening');
console.log('ready');
await once(process.stdin, 'data');
process.stdin.destroy();
server.close();
server.closeAllConnections();
process.exit();
