import { basic } from './basic.ts';
import type { Scenario } from './scenario.ts';

export const scenario: Scenario = {
  description: 'Ten requests at a time open ten connections, and reuse them afterwards. Nothing to fix.',

  fixed: { ...basic, calls: 50, concurrency: 10 },
};
