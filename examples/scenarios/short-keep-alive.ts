import { plain } from './plain.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  about: 'The server promises to keep connections for one second. Clients give up a second or two early: at once.',

  wasteful: { ...plain, server: { kind: 'http', keepAliveTimeout: 1_000 } },

  cured: { ...plain, server: { kind: 'http', keepAliveTimeout: 60_000 } },
};
