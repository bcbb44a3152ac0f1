import http from 'node:http';
import { basic } from './basic.ts';
import { readAll, type Scenario } from './scenario.ts';

export const scenario: Scenario = {
  description: 'undici closes the connection after a HEAD request. Use GET if the response is small.',

  wasteful: {
    fetch: url => fetch(url, { method: 'HEAD' }),
    async undici(url, { request }, dispatcher) {
      const { body } = await request(url, { dispatcher, method: 'HEAD' });
      await body.dump();
    },
    http: (url, agent) => readAll(http.request(url, { agent, method: 'HEAD' }).end()),
  },

  fixed: basic,
};
