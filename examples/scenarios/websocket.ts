import { once } from 'node:events';
import http from 'node:http';
import type { Scenario } from './scenario.ts';

/** Sends messages on a WebSocket, and waits for the server's echo of each. */
async function echo(socket: WebSocket, messages: number) {
  await once(socket, 'open');
  for (let i = 0; i < messages; i++) {
    socket.send('hello');
    await once(socket, 'message');
  }
  socket.close();
  await once(socket, 'close');
}

export const scenario: Scenario = {
  description:
    'An upgrade removes the connection from its pool, so a WebSocket per message needs a connection per message.',

  wasteful: {
    fetch: url => echo(new WebSocket(url), 1),
    undici: (url, { WebSocket }, dispatcher) => echo(new WebSocket(url, { dispatcher }) as WebSocket, 1),
    async http(url, agent) {
      const headers = { connection: 'Upgrade', upgrade: 'echo' };
      const [, socket] = await once(http.get(url, { agent, headers }), 'upgrade');
      await once(socket.end('hello').resume(), 'close');
    },
  },

  fixed: {
    calls: 1,
    fetch: url => echo(new WebSocket(url), 10),
    undici: (url, { WebSocket }, dispatcher) => echo(new WebSocket(url, { dispatcher }) as WebSocket, 10),
  },
};
