// A small web server for programs that measure names only: it says good-bye after each answer, so each request connects.
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export const web = http.createServer((_request, response) => response.setHeader('connection', 'close').end('hello'));
await once(web.listen(0), 'listening');
export const { port } = web.address() as AddressInfo;

/** Ends a connection that has nothing to say, once the server has met it. */
export function touched(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket
      .on('connect', () => socket.end())
      .on('error', reject)
      .on('close', () => resolve())
      .resume();
  });
}
