import http from 'node:http';
import { readAll, type Scenario } from './scenario.ts';

export const scenario: Scenario = {
  description: 'Every call creates its own Agent, so no other call can reuse its connection.',

  wasteful: {
    async undici(url, { Agent, request }) {
      const { body } = await request(url, { dispatcher: new Agent() });
      await body.text();
    },
    http: url => readAll(http.get(url, { agent: new http.Agent({ keepAlive: true }) })),
  },

  fixed: {
    async undici(url, { request }, dispatcher) {
      const { body } = await request(url, { dispatcher });
      await body.text();
    },
    http: (url, agent) => readAll(http.get(url, { agent })),
  },
};
