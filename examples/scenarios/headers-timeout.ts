import http from 'node:http';
import { plain } from './plain.ts';
import { readAll, type Scenario } from './scenario.ts';

const late = () => 'late';

export const scenario: Scenario = {
  about: "The client's timeout for the answer's headers is shorter than the server needs.",

  wasteful: {
    path: '/hang',
    calls: 2, // undici looks at its timeouts about once a second
    dispatcher: ({ Agent }) => new Agent({ headersTimeout: 200 }),
    undici: (url, undici, dispatcher) => plain.undici(url, undici, dispatcher).catch(late),
    http(url, agent) {
      const request = http.get(url, { agent, timeout: 200 });
      request.on('timeout', () => request.destroy());
      return readAll(request).catch(late);
    },
  },

  cured: {
    undici: plain.undici,
    http: plain.http,
    path: '/late',
    calls: 2,
    dispatcher: ({ Agent }) => new Agent({ headersTimeout: 5_000 }),
  },
};
