import { basic } from './basic.ts';
import type { Scenario, Variant } from './scenario.ts';

// fetch uses HTTP/2 from Node 26 on.
const overHttp2: Variant = {
  fetch: basic.fetch,
  undici: basic.undici,
  server: { kind: 'http2' },
  dispatcher: ({ Agent }, { ca }) => new Agent({ allowH2: true, connect: { ca } }),
  concurrency: 5,
};

export const scenario: Scenario = {
  description:
    'Until the first HTTP/2 connection is open, the client cannot share it: each of the first calls opens one.',

  wasteful: overHttp2,

  // All calls share one connection.
  fixed: {
    undici: basic.undici,
    server: { kind: 'http2' },
    dispatcher: ({ Agent }, { ca }) => new Agent({ allowH2: true, connect: { ca }, connections: 1, pipelining: 100 }),
    concurrency: 5,
  },
};
