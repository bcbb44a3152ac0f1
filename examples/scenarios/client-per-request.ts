import http from 'node:http';
import { readAll, type Scenario } from './scenario.ts';

export const scenario: Scenario = {
  about: 'Every call makes an Agent of its own, whose connection no other call can use.',

  wasteful: {
    pause: 30,
    async undici(url, { Agent, request }) {
      const { body } = await request(url, { dispatcher: new Agent() });
      await body.text();
    },
    http: url => readAll(http.get(url, { agent: new http.Agent({ keepAlive: true }) })),
  },

  cured: {
    pause: 30,
    async undici(url, { request }, dispatcher) {
      const { body } = await request(url, { dispatcher });
      await body.text();
    },
    http: (url, agent) => readAll(http.get(url, { agent })),
  },
};
