import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  description: 'Each call creates a ProxyAgent, which opens a connection to the proxy and a tunnel for every request.',

  // Here the server is also the proxy.
  wasteful: {
    async undici(url, { ProxyAgent, request }) {
      const dispatcher = new ProxyAgent({ uri: url, proxyTunnel: true });
      const { body } = await request(url, { dispatcher });
      await body.text();
    },
  },

  fixed: {
    dispatcher: ({ ProxyAgent }, { url }) => new ProxyAgent({ uri: url, proxyTunnel: true }),
    async undici(url, { request }, dispatcher) {
      const { body } = await request(url, { dispatcher });
      await body.text();
    },
  },
};
