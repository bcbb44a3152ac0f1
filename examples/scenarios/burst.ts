import http from 'node:http';
import { basic } from './basic.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  description:
    'A request starts every millisecond and takes 50 ms. Each finds all connections busy and opens another one.',

  wasteful: { ...basic, path: '/late', calls: 40, every: 1 },

  // The pool has fewer connections than requests. The other requests wait.
  fixed: {
    undici: basic.undici,
    http: basic.http,
    dispatcher: ({ Agent }) => new Agent({ connections: 10 }),
    agent: () => new http.Agent({ keepAlive: true, maxSockets: 10 }),
    path: '/late',
    calls: 40,
    every: 1,
  },
};
