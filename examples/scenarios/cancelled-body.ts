import http from 'node:http';
import { readAll, responseOf, type Scenario } from './scenario.ts';

export const scenario: Scenario = {
  description: 'The program cancels the response body. With HTTP/1.1, that closes the connection.',

  wasteful: {
    path: '/large',
    async fetch(url) {
      const { body } = await fetch(url);
      await body?.cancel();
    },
    async undici(url, { request }, dispatcher) {
      const { body } = await request(url, { dispatcher });
      body.on('error', () => {}).destroy();
    },
    async http(url, agent) {
      const response = await responseOf(http.get(url, { agent }));
      response.destroy();
    },
  },

  fixed: {
    path: '/large',
    async fetch(url) {
      await (await fetch(url)).arrayBuffer();
    },
    async undici(url, { request }, dispatcher) {
      const { body } = await request(url, { dispatcher });
      await body.dump({ limit: 1_000_000 });
    },
    http: (url, agent) => readAll(http.get(url, { agent })),
  },
};
