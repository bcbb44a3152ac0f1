import http from 'node:http';
import { readAll, type Scenario } from './scenario.ts';

const aborted = () => 'aborted';

export const scenario: Scenario = {
  description:
    'The timeout is shorter than the server’s response time. Each request is aborted, and its connection closes.',

  wasteful: {
    path: '/hang',
    async fetch(url) {
      await fetch(url, { signal: AbortSignal.timeout(60) }).catch(aborted);
    },
    async undici(url, { request }, dispatcher) {
      await request(url, { dispatcher, signal: AbortSignal.timeout(60) }).catch(aborted);
    },
    http: (url, agent) => readAll(http.get(url, { agent, signal: AbortSignal.timeout(60) })).catch(aborted),
  },

  fixed: {
    path: '/late', // responds after 50 ms
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
