import http from 'node:http';
import { answerOf, readAll, type Scenario } from './scenario.ts';

export const scenario: Scenario = {
  about: 'The program gives the body up before its end. HTTP/1.1 can only do that by closing the connection.',

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
      const response = await answerOf(http.get(url, { agent }));
      response.destroy();
    },
  },

  cured: {
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
