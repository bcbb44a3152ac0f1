import { basic } from './basic.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  description: 'The client closes each connection after a number of requests. A large number is useful to spread load.',

  wasteful: { undici: basic.undici, dispatcher: ({ Agent }) => new Agent({ maxRequestsPerClient: 2 }) },

  fixed: { undici: basic.undici, dispatcher: ({ Agent }) => new Agent({ maxRequestsPerClient: 10_000 }) },
};
