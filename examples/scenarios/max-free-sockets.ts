import http from 'node:http';
import { plain } from './plain.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  about: 'The agent keeps fewer idle connections than calls run at once, so each wave of calls opens the rest anew.',

  wasteful: {
    http: async (url, agent) => {
      await Promise.all([1, 2, 3, 4, 5].map(() => plain.http(url, agent)));
    },
    agent: () => new http.Agent({ keepAlive: true, maxFreeSockets: 1 }),
    calls: 4,
    pause: 10,
  },

  cured: {
    http: async (url, agent) => {
      await Promise.all([1, 2, 3, 4, 5].map(() => plain.http(url, agent)));
    },
    agent: () => new http.Agent({ keepAlive: true, maxFreeSockets: 256 }),
    calls: 4,
    pause: 10,
  },
};
