import https from 'node:https';
import { plain } from './plain.ts';
import type { Scenario } from './scenario.ts';

const untrusted = () => 'untrusted';

export const scenario: Scenario = {
  about: 'Nobody the program trusts signed the certificate: every call fails in the tls phase.',

  wasteful: {
    server: { kind: 'https' },
    fetch: url => plain.fetch(url).catch(untrusted),
    undici: (url, undici, dispatcher) => plain.undici(url, undici, dispatcher).catch(untrusted),
    http: (url, agent) => plain.http(url, agent).catch(untrusted),
  },

  // For fetch: start Node with NODE_EXTRA_CA_CERTS.
  cured: {
    server: { kind: 'https' },
    undici: plain.undici,
    http: plain.http,
    dispatcher: ({ Agent }, { ca }) => new Agent({ connect: { ca } }),
    agent: ({ ca }) => new https.Agent({ keepAlive: true, ca }),
  },
};
