import http from 'node:http';
import { plain } from './plain.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  about: 'The server closes idle connections sooner than the next call comes, and does not say so beforehand.',

  wasteful: { ...plain, path: '/quiet', server: { kind: 'http', keepAliveTimeout: 20 }, calls: 3, pause: 120 },

  // The server's timeout longer than the client's pauses, and the client's own shorter than the server's.
  cured: {
    ...plain,
    path: '/quiet',
    server: { kind: 'http', keepAliveTimeout: 60_000 },
    dispatcher: ({ Agent }) => new Agent({ keepAliveTimeout: 30_000 }),
    agent: () => new http.Agent({ keepAlive: true, timeout: 30_000 }),
    calls: 3,
    pause: 120,
  },
};
