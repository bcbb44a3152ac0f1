import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  about: 'Each call makes a ProxyAgent: a connection to the proxy, and one from there, for every request.',

  // The server is its own proxy here.
  wasteful: {
    pause: 30,
    async undici(url, { ProxyAgent, request }) {
      const dispatcher = new ProxyAgent({ uri: url, proxyTunnel: true });
      const { body } = await request(url, { dispatcher });
      await body.text();
    },
  },

  cured: {
    dispatcher: ({ ProxyAgent }, { url }) => new ProxyAgent({ uri: url, proxyTunnel: true }),
    async undici(url, { request }, dispatcher) {
      const { body } = await request(url, { dispatcher });
      await body.text();
    },
  },
};
