import { basic } from './basic.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  description:
    'The server uses HTTP/1.0 and closes the connection after each response. Often a proxy is configured that way.',

  wasteful: { ...basic, server: { kind: 'http10' } },

  fixed: { ...basic, server: { kind: 'http' } },
};
