export type { CallSite, Problem } from './client/attribution/call-sites.ts';
export type { ClosedConnection, LiveConnection, OriginSnapshot, Snapshot } from './client/snapshot.ts';
export type { OpenCause } from './core/causes.ts';
export type { Phase } from './core/errors.ts';
export type { Origin } from './core/origins.ts';
export type { Phases } from './core/phases.ts';
export type { CloseReason } from './core/reasons.ts';
export { ConnectionInstrumentation } from './instrumentation.ts';
export type { ConnectionInstrumentationConfig } from './options.ts';
