import http from 'node:http';
import { answerOf, readAll, type Scenario } from './scenario.ts';

export const scenario: Scenario = {
  about: 'The program looks at the status and never reads the body, which is too large to arrive unread.',

  wasteful: {
    path: '/large',
    async fetch(url) {
      const response = await fetch(url);
      return response.ok && response;
    },
    async undici(url, { request }, dispatcher) {
      const { statusCode, body } = await request(url, { dispatcher });
      return statusCode === 200 && body;
    },
    async http(url, agent) {
      const response = await answerOf(http.get(url, { agent }));
      return response.statusCode === 200 && response;
    },
  },

  cured: {
    path: '/large',
    async fetch(url) {
      const response = await fetch(url);
      await response.arrayBuffer();
    },
    async undici(url, { request }, dispatcher) {
      const { body } = await request(url, { dispatcher });
      await body.dump({ limit: 1_000_000 }); // past its limit, 128 KiB by default, it gives the body up
    },
    http: (url, agent) => readAll(http.get(url, { agent })),
  },
};
