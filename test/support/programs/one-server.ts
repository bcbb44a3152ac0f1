// one-server.ts: starts an HTTP server, prints its port, and exits when stdin ends.
import http from 'node:http';
import type { AddressInfo } from 'node:net';

const server = http.createServer((_request, response) => response.end('hello'));
server.listen(0, '127.0.0.1', () => console.log('listening', (server.address() as AddressInfo).port));
process.stdin.resume().on('end', () => process.exit());
