import http from 'node:http';
import { basic } from './basic.ts';
import type { Scenario } from './scenario.ts';

const lost = () => 'lost';

export const scenario: Scenario = {
  description: 'The server closes idle connections before the next call, and does not announce its timeout.',

  wasteful: {
    path: '/quiet',
    server: { kind: 'http', keepAliveTimeout: 20 },
    calls: 3,
    pause: 200,
    // Now and then, a request is lost because the server closes the connection while it is sent.
    fetch: url => basic.fetch(url).catch(lost),
    undici: (url, undici, dispatcher) => basic.undici(url, undici, dispatcher).catch(lost),
    http: (url, agent) => basic.http(url, agent).catch(lost),
  },

  // The server's timeout is longer than the pauses, and the client's timeout is shorter than the server's.
  fixed: {
    ...basic,
    path: '/quiet',
    server: { kind: 'http', keepAliveTimeout: 60_000 },
    dispatcher: ({ Agent }) => new Agent({ keepAliveTimeout: 30_000 }),
    agent: () => new http.Agent({ keepAlive: true, timeout: 30_000 }),
    calls: 3,
    pause: 200,
  },
};
