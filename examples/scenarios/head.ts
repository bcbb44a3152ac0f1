import http from 'node:http';
import { plain } from './plain.ts';
import { readAll, type Scenario } from './scenario.ts';

export const scenario: Scenario = {
  about: 'undici closes the connection after a HEAD request. Ask with GET where the answer is small.',

  wasteful: {
    fetch: url => fetch(url, { method: 'HEAD' }),
    async undici(url, { request }, dispatcher) {
      const { body } = await request(url, { dispatcher, method: 'HEAD' });
      await body.dump();
    },
    http: (url, agent) => readAll(http.request(url, { agent, method: 'HEAD' }).end()),
  },

  cured: plain,
};
