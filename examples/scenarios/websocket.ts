import { once } from 'node:events';
import http from 'node:http';
import type { Scenario } from './scenario.ts';

/** Says as many words as it is told on one WebSocket, each of which the server says back. */
async function talk(socket: WebSocket, words: number) {
  await once(socket, 'open');
  for (let i = 0; i < words; i++) {
    socket.send('hello');
    await once(socket, 'message');
  }
  socket.close();
  await once(socket, 'close');
}

export const scenario: Scenario = {
  about: 'An upgrade takes the connection out of its pool for good; so a WebSocket for each word is a connection each.',

  wasteful: {
    fetch: url => talk(new WebSocket(url), 1),
    undici: (url, { WebSocket }, dispatcher) => talk(new WebSocket(url, { dispatcher }) as WebSocket, 1),
    async http(url, agent) {
      const headers = { connection: 'Upgrade', upgrade: 'echo' };
      const [, socket] = await once(http.get(url, { agent, headers }), 'upgrade');
      await once(socket.end('hello').resume(), 'close');
    },
  },

  cured: {
    calls: 1,
    fetch: url => talk(new WebSocket(url), 10),
    undici: (url, { WebSocket }, dispatcher) => talk(new WebSocket(url, { dispatcher }) as WebSocket, 10),
  },
};
