import http from 'node:http';
import { basic } from './basic.ts';
import { readAll, type Scenario } from './scenario.ts';

const late = () => 'late';

export const scenario: Scenario = {
  description: 'The client’s timeout for the response headers is shorter than the server’s response time.',

  wasteful: {
    path: '/hang',
    calls: 2, // undici checks its timeouts about once a second
    dispatcher: ({ Agent }) => new Agent({ headersTimeout: 200 }),
    undici: (url, undici, dispatcher) => basic.undici(url, undici, dispatcher).catch(late),
    http(url, agent) {
      const request = http.get(url, { agent, timeout: 200 });
      request.on('timeout', () => request.destroy());
      return readAll(request).catch(late);
    },
  },

  fixed: {
    undici: basic.undici,
    http: basic.http,
    path: '/late',
    calls: 2,
    dispatcher: ({ Agent }) => new Agent({ headersTimeout: 5_000 }),
  },
};
