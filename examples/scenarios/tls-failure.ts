import https from 'node:https';
import { basic } from './basic.ts';
import type { Scenario } from './scenario.ts';

const untrusted = () => 'untrusted';

export const scenario: Scenario = {
  description: 'The program does not trust the server’s certificate: every call fails in the tls phase.',

  wasteful: {
    server: { kind: 'https' },
    fetch: url => basic.fetch(url).catch(untrusted),
    undici: (url, undici, dispatcher) => basic.undici(url, undici, dispatcher).catch(untrusted),
    http: (url, agent) => basic.http(url, agent).catch(untrusted),
  },

  // For fetch, start Node with NODE_EXTRA_CA_CERTS.
  fixed: {
    server: { kind: 'https' },
    undici: basic.undici,
    http: basic.http,
    dispatcher: ({ Agent }, { ca }) => new Agent({ connect: { ca } }),
    agent: ({ ca }) => new https.Agent({ keepAlive: true, ca }),
  },
};
