// A small web server for programs that only measure lookups: it closes each connection, so that each request connects.
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export const web = http.createServer((_request, response) => response.setHeader('connection', 'close').end('hello'));
await once(web.listen(0), 'listening');
export const { port } = web.address() as AddressInfo;

/** Ends a connection once it is open, and waits for the close. */
export function connectAndEnd(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket
      .on('connect', () => socket.end())
      .on('error', reject)
      .on('close', () => resolve())
      .resume();
  });
}
