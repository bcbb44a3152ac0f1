import { plain } from './plain.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  about: 'A connection is given up after so many requests. Good against uneven load, when the number is large.',

  wasteful: { undici: plain.undici, dispatcher: ({ Agent }) => new Agent({ maxRequestsPerClient: 2 }) },

  cured: { undici: plain.undici, dispatcher: ({ Agent }) => new Agent({ maxRequestsPerClient: 10_000 }) },
};
