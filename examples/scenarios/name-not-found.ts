import { plain } from './plain.ts';
import type { Scenario } from './scenario.ts';

const notFound = () => 'not found';

export const scenario: Scenario = {
  about: 'The name does not exist: every call fails in the dns phase.',

  wasteful: {
    host: `${'x'.repeat(64)}.invalid`, // refused by the resolver itself, for its label is too long
    fetch: url => plain.fetch(url).catch(notFound),
    undici: (url, undici, dispatcher) => plain.undici(url, undici, dispatcher).catch(notFound),
    http: (url, agent) => plain.http(url, agent).catch(notFound),
  },

  cured: { ...plain, host: 'localhost' },
};
