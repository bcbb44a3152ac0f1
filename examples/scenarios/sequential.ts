import { basic } from './basic.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  description:
    'One request after another. undici releases a connection a moment late, so it may open a second one. Nothing to fix.',

  fixed: { ...basic, calls: 30 },
};
