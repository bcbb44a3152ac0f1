import http from 'node:http';
import { plain } from './plain.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  about: 'A request comes every millisecond and takes 50: each finds all connections busy and opens one more.',

  wasteful: { ...plain, path: '/late', calls: 40, every: 1 },

  // Fewer connections than requests: the others wait their turn.
  cured: {
    undici: plain.undici,
    http: plain.http,
    dispatcher: ({ Agent }) => new Agent({ connections: 10 }),
    agent: () => new http.Agent({ keepAlive: true, maxSockets: 10 }),
    path: '/late',
    calls: 40,
    every: 1,
  },
};
