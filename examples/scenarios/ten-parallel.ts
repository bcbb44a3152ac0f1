import { plain } from './plain.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  about: 'Ten requests at a time need ten connections, and share them from then on. Nothing to cure.',

  cured: { ...plain, calls: 50, atOnce: 10 },
};
