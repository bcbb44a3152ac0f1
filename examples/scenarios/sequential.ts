import { plain } from './plain.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  about:
    'One request after the other. undici frees a connection a moment late, so a second one may open. Nothing to cure.',

  cured: { ...plain, calls: 30 },
};
