import { plain } from './plain.ts';
import type { Form, Scenario } from './scenario.ts';

const lost = () => 'lost';

// undici 6 and 7 lose the request that the GOAWAY comes with.
const over2: Form = {
  fetch: plain.fetch,
  undici: (url, undici, dispatcher) => plain.undici(url, undici, dispatcher).catch(lost),
  server: { kind: 'http2' },
  dispatcher: ({ Agent }, { ca }) => new Agent({ allowH2: true, connect: { ca } }),
  pause: 10,
};

export const scenario: Scenario = {
  about: 'The server says GOAWAY after every answer, as some do that are being replaced or limit requests.',

  wasteful: { ...over2, path: '/goaway' },

  cured: over2,
};
