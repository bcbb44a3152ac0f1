import http from 'node:http';
import { plain } from './plain.ts';
import { readAll, type Scenario } from './scenario.ts';

const lost = () => 'lost';

export const scenario: Scenario = {
  about: 'The server closes an idle connection while the next request is on its way: the request is lost.',

  wasteful: {
    path: '/stale', // every second request of a connection finds it closed
    fetch: url => plain.fetch(url).catch(lost),
    undici: (url, undici, dispatcher) => plain.undici(url, undici, dispatcher).catch(lost),
    http: (url, agent) => plain.http(url, agent).catch(lost),
  },

  // A request that may be sent twice is sent again. (Idle timeouts shorter than the server's make it rare.)
  cured: {
    path: '/stale',
    fetch: url =>
      plain
        .fetch(url)
        .catch(() => plain.fetch(url))
        .catch(() => plain.fetch(url)), // more than one may be closed
    dispatcher: ({ Agent, RetryAgent }) => new RetryAgent(new Agent(), { minTimeout: 1 }),
    undici: plain.undici,
    async http(url, agent) {
      const request = http.get(url, { agent });
      await readAll(request).catch(error => {
        if (request.reusedSocket && error.code === 'ECONNRESET') return plain.http(url, agent);
        throw error;
      });
    },
  },
};
