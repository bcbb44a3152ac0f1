import { plain } from './plain.ts';
import type { Scenario } from './scenario.ts';

const refused = () => 'refused';

export const scenario: Scenario = {
  about: 'Nobody listens at the port: every call fails in the connect phase.',

  wasteful: {
    serverIsGone: true,
    fetch: url => plain.fetch(url).catch(refused),
    undici: (url, undici, dispatcher) => plain.undici(url, undici, dispatcher).catch(refused),
    http: (url, agent) => plain.http(url, agent).catch(refused),
  },

  cured: plain,
};
