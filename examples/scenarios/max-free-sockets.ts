import http from 'node:http';
import { basic } from './basic.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  description: 'The agent keeps fewer idle connections than calls run at once, so each batch of calls opens new ones.',

  wasteful: {
    http: async (url, agent) => {
      await Promise.all([1, 2, 3, 4, 5].map(() => basic.http(url, agent)));
    },
    agent: () => new http.Agent({ keepAlive: true, maxFreeSockets: 1 }),
    calls: 4,
  },

  fixed: {
    http: async (url, agent) => {
      await Promise.all([1, 2, 3, 4, 5].map(() => basic.http(url, agent)));
    },
    agent: () => new http.Agent({ keepAlive: true, maxFreeSockets: 256 }),
    calls: 4,
  },
};
