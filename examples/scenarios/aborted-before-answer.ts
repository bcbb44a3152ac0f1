import http from 'node:http';
import { readAll, type Scenario } from './scenario.ts';

const aborted = () => 'aborted';

/** A limit of the program's own. AbortSignal.timeout() would show that it is a timeout: see headers-timeout.ts. */
function abortAfter(milliseconds: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), milliseconds).unref();
  return controller.signal;
}

export const scenario: Scenario = {
  description:
    'The program gives up sooner than the server can respond. Each request is aborted, and its connection closes.',

  wasteful: {
    path: '/hang',
    async fetch(url) {
      await fetch(url, { signal: abortAfter(100) }).catch(aborted);
    },
    async undici(url, { request }, dispatcher) {
      await request(url, { dispatcher, signal: abortAfter(100) }).catch(aborted);
    },
    http: (url, agent) => readAll(http.get(url, { agent, signal: abortAfter(100) })).catch(aborted),
  },

  fixed: {
    path: '/late', // responds after 50 ms
    async fetch(url) {
      await (await fetch(url, { signal: abortAfter(5_000) })).text();
    },
    async undici(url, { request }, dispatcher) {
      const { body } = await request(url, { dispatcher, signal: abortAfter(5_000) });
      await body.text();
    },
    http: (url, agent) => readAll(http.get(url, { agent, signal: abortAfter(5_000) })),
  },
};
