export type { CallSite, Problem } from './call-sites.ts';
export type { OpenCause } from './causes.ts';
export { ConnectionInstrumentation } from './instrumentation.ts';
export type { ConnectionInstrumentationConfig } from './options.ts';
export type { Origin } from './origins.ts';
export type { Phases } from './phases.ts';
export type { CloseReason, Phase } from './reasons.ts';
export type { ClosedConnection, LiveConnection, OriginSnapshot, Snapshot } from './snapshot.ts';
