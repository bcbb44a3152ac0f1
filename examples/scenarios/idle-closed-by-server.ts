import http from 'node:http';
import { basic } from './basic.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  description: 'The server closes idle connections before the next call, and does not announce its timeout.',

  wasteful: { ...basic, path: '/quiet', server: { kind: 'http', keepAliveTimeout: 20 }, calls: 3, pause: 200 },

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
