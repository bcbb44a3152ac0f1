import http from 'node:http';
import { readAll, type Scenario } from './scenario.ts';

export const scenario: Scenario = {
  description: 'The program itself closes each connection after one request.',

  wasteful: {
    async fetch(url) {
      await (await fetch(url, { headers: { connection: 'close' } })).text();
    },
    async undici(url, { request }, dispatcher) {
      const { body } = await request(url, { dispatcher, reset: true });
      await body.text();
    },
    agent: () => new http.Agent({ keepAlive: false }),
    http: (url, agent) => readAll(http.get(url, { agent })),
  },

  fixed: {
    async fetch(url) {
      await (await fetch(url)).text();
    },
    async undici(url, { request }, dispatcher) {
      const { body } = await request(url, { dispatcher });
      await body.text();
    },
    agent: () => new http.Agent({ keepAlive: true }),
    http: (url, agent) => readAll(http.get(url, { agent })),
  },
};
