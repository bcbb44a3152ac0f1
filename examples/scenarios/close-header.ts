import { basic } from './basic.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  description:
    'The server answers with `Connection: close`. Only the server, or the proxy in front of it, can fix that.',

  wasteful: { ...basic, path: '/close' },

  fixed: { ...basic, path: '/' },
};
