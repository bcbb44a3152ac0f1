import { plain } from './plain.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  about: 'The server answers with `Connection: close`. Only the server, or the proxy before it, can cure that.',

  wasteful: { ...plain, path: '/close' },

  cured: { ...plain, path: '/' },
};
