import * as api from '@opentelemetry/api';
import { provideApi } from './otel-api.ts';

export type { CallSite, OpeningProblem, Problem } from './client/attribution/call-sites.ts';
export type { CallerSnapshot, ClosedConnection, LiveConnection, OriginSnapshot } from './client/snapshot.ts';
export { type Composable, watchDispatcher } from './client/watch-dispatcher.ts';
export { withCaller } from './client/with-caller.ts';
export type { OpenCause } from './core/causes.ts';
export type { Phase } from './core/errors.ts';
export type { Origin } from './core/origins.ts';
export type { Phases } from './core/phases.ts';
export type { CloseReason } from './core/reasons.ts';
export { ConnectionInstrumentation } from './instrumentation.ts';
export type { ConnectionInstrumentationConfig } from './options.ts';
export type { ClosedServedConnection, LiveServedConnection, ServedConnections } from './server/snapshot.ts';
export type { Snapshot } from './snapshot.ts';

provideApi(api);
