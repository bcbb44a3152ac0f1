import { basic } from './basic.ts';
import type { Scenario } from './scenario.ts';

const notFound = () => 'not found';

export const scenario: Scenario = {
  description: 'The name does not exist: every call fails in the dns phase.',

  wasteful: {
    host: `${'x'.repeat(64)}.invalid`, // the label is too long, so the resolver rejects it without a DNS query
    fetch: url => basic.fetch(url).catch(notFound),
    undici: (url, undici, dispatcher) => basic.undici(url, undici, dispatcher).catch(notFound),
    http: (url, agent) => basic.http(url, agent).catch(notFound),
  },

  fixed: { ...basic, host: 'localhost' },
};
