import { plain } from './plain.ts';
import type { Form, Scenario } from './scenario.ts';

// fetch speaks HTTP/2 by itself from Node 26 on.
const over2: Form = {
  fetch: plain.fetch,
  undici: plain.undici,
  server: { kind: 'http2' },
  dispatcher: ({ Agent }, { ca }) => new Agent({ allowH2: true, connect: { ca } }),
  calls: 40,
  atOnce: 20,
};

export const scenario: Scenario = {
  about: 'Before the first connection stands nobody knows that it could carry all: each of the first calls opens one.',

  wasteful: over2,

  // One connection, and every call on it.
  cured: {
    undici: plain.undici,
    server: { kind: 'http2' },
    dispatcher: ({ Agent }, { ca }) => new Agent({ allowH2: true, connect: { ca }, connections: 1, pipelining: 100 }),
    calls: 40,
    atOnce: 20,
  },
};
