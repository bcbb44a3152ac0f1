import http from 'node:http';
import { readAll, type Scenario } from './scenario.ts';

const givenUp = () => 'given up';

export const scenario: Scenario = {
  about: 'The deadline is shorter than the server needs: each request is aborted, and its connection with it.',

  wasteful: {
    path: '/hang',
    async fetch(url) {
      await fetch(url, { signal: AbortSignal.timeout(60) }).catch(givenUp);
    },
    async undici(url, { request }, dispatcher) {
      await request(url, { dispatcher, signal: AbortSignal.timeout(60) }).catch(givenUp);
    },
    http: (url, agent) => readAll(http.get(url, { agent, signal: AbortSignal.timeout(60) })).catch(givenUp),
  },

  cured: {
    path: '/late', // answers after 50 ms
    async fetch(url) {
      await (await fetch(url, { signal: AbortSignal.timeout(5_000) })).text();
    },
    async undici(url, { request }, dispatcher) {
      const { body } = await request(url, { dispatcher, signal: AbortSignal.timeout(5_000) });
      await body.text();
    },
    http: (url, agent) => readAll(http.get(url, { agent, signal: AbortSignal.timeout(5_000) })),
  },
};
