import http from 'node:http';
import { basic } from './basic.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  description:
    'Every call creates a client and destroys it afterwards. Nothing leaks, but every call opens a connection.',

  wasteful: {
    async undici(url, undici) {
      const dispatcher = new undici.Agent();
      await basic.undici(url, undici, dispatcher);
      await dispatcher.destroy();
    },
    async http(url) {
      const agent = new http.Agent({ keepAlive: true });
      await basic.http(url, agent);
      agent.destroy();
    },
  },

  fixed: { undici: basic.undici, http: basic.http },
};
