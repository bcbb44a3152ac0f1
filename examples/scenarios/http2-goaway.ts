import { basic } from './basic.ts';
import type { Scenario, Variant } from './scenario.ts';

const lost = () => 'lost';

// In undici 6 and 7, the request fails that receives the GOAWAY. In all versions, so may others on the same connection.
const overHttp2: Variant = {
  fetch: url => basic.fetch(url).catch(lost),
  undici: (url, undici, dispatcher) => basic.undici(url, undici, dispatcher).catch(lost),
  server: { kind: 'http2' },
  dispatcher: ({ Agent }, { ca }) => new Agent({ allowH2: true, connect: { ca } }),
};

export const scenario: Scenario = {
  description: 'The server sends GOAWAY after every response, as servers do that shut down or limit requests.',

  wasteful: { ...overHttp2, path: '/goaway' },

  fixed: overHttp2,
};
