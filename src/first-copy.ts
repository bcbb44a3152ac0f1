import { publish, subscribeAll } from './core/channels.ts';
import type { Guard } from './core/guard.ts';
import type { ConnectionInstrumentation } from './instrumentation.ts';

/** On this channel, a copy of connmeter asks for the first one in its thread. */
const CHANNEL = 'connmeter:register';

/** What a later copy of connmeter uses of the first one. */
export interface Copy {
  readonly instrumentation: ConnectionInstrumentation | undefined;
  readonly metricsText: () => Promise<string>;
  readonly flush: () => Promise<void>;
}

interface Question {
  first?: Copy;
}

/**
 * A copy of connmeter that has started in this thread before. Otherwise undefined, and later copies will find `own`. Bundlers and test
 * runners load copies of their own, which would count everything again and take the port of the first one.
 */
export function earlierCopy(own: Copy, guard: Guard): Copy | undefined {
  const question: Question = {};
  publish(CHANNEL, question);
  if (question.first === undefined) {
    subscribeAll(guard, {
      [CHANNEL]: (asked: Question) => {
        asked.first = own;
      },
    });
  }
  return question.first;
}
