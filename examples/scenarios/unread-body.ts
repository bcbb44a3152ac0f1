import http from 'node:http';
import { readAll, responseOf, type Scenario } from './scenario.ts';

export const scenario: Scenario = {
  description: 'The program checks the status and never reads the body, which is too large to be buffered.',

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
      const response = await responseOf(http.get(url, { agent }));
      return response.statusCode === 200 && response;
    },
  },

  fixed: {
    path: '/large',
    async fetch(url) {
      const response = await fetch(url);
      await response.arrayBuffer();
    },
    async undici(url, { request }, dispatcher) {
      const { body } = await request(url, { dispatcher });
      await body.dump({ limit: 1_000_000 }); // above the limit, 128 KiB by default, dump() cancels the body
    },
    http: (url, agent) => readAll(http.get(url, { agent })),
  },
};
