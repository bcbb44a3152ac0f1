import http from 'node:http';
import { plain } from './plain.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  about: 'Every call makes a client and destroys it when done. It leaks nothing, and connects every time.',

  wasteful: {
    async undici(url, undici) {
      const dispatcher = new undici.Agent();
      await plain.undici(url, undici, dispatcher);
      await dispatcher.destroy();
    },
    async http(url) {
      const agent = new http.Agent({ keepAlive: true });
      await plain.http(url, agent);
      agent.destroy();
    },
  },

  cured: { undici: plain.undici, http: plain.http },
};
