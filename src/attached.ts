/** What the command `connmeter top` loads in a program that was started without connmeter. */

export { makeOverview } from './explain/make-overview.ts';
export { ConnectionInstrumentation } from './instrumentation.ts';
