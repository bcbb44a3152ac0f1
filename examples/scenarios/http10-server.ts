import { plain } from './plain.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  about: 'The server speaks HTTP/1.0, where a connection ends with its answer. Often a proxy set up that way.',

  wasteful: { ...plain, server: { kind: 'http10' } },

  cured: { ...plain, server: { kind: 'http' } },
};
