export { ConnectionInstrumentation } from './instrumentation.ts';
export type { ConnectionInstrumentationConfig } from './options.ts';
