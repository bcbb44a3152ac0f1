import { basic } from './basic.ts';
import type { Scenario } from './scenario.ts';

const refused = () => 'refused';

export const scenario: Scenario = {
  description: 'Nothing listens on the port: every call fails in the connect phase.',

  wasteful: {
    serverStopped: true,
    fetch: url => basic.fetch(url).catch(refused),
    undici: (url, undici, dispatcher) => basic.undici(url, undici, dispatcher).catch(refused),
    http: (url, agent) => basic.http(url, agent).catch(refused),
  },

  fixed: basic,
};
