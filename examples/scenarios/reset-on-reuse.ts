import http from 'node:http';
import { basic } from './basic.ts';
import { readAll, type Scenario } from './scenario.ts';

const lost = () => 'lost';

export const scenario: Scenario = {
  description: 'The server closes an idle connection just as the next request is sent. The request fails.',

  wasteful: {
    path: '/stale', // the server closes each connection before its second request
    fetch: url => basic.fetch(url).catch(lost),
    undici: (url, undici, dispatcher) => basic.undici(url, undici, dispatcher).catch(lost),
    http: (url, agent) => basic.http(url, agent).catch(lost),
  },

  // Requests that are safe to repeat are retried. An idle timeout below the server's also makes the error rare.
  fixed: {
    path: '/stale',
    async fetch(url) {
      // A retry may fail too: it may use another connection that the server is about to close.
      for (let i = 0; i < 10; i++) {
        const answered = await basic.fetch(url).then(
          () => true,
          () => false,
        );
        if (answered) return;
      }
    },
    dispatcher: ({ Agent, RetryAgent }) => new RetryAgent(new Agent(), { minTimeout: 1, maxRetries: 10 }),
    undici: basic.undici,
    async http(url, agent) {
      for (let i = 0; i < 10; i++) {
        const request = http.get(url, { agent });
        const error = await readAll(request).catch(error => error);
        if (!error) return;
        if (!request.reusedSocket || error.code !== 'ECONNRESET') throw error;
      }
    },
  },
};
