import { basic } from './basic.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  description:
    'The server announces a keep-alive timeout of one second. Clients subtract one or two seconds, so they close at once.',

  wasteful: { ...basic, server: { kind: 'http', keepAliveTimeout: 1_000 } },

  fixed: { ...basic, server: { kind: 'http', keepAliveTimeout: 60_000 } },
};
