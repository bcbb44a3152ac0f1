import type { ClientSnapshot } from './client/snapshot.ts';
import type { ServedConnections } from './server/snapshot.ts';

/** A bounded copy of what is known, as plain data. All durations are in seconds. */
export interface Snapshot extends ClientSnapshot {
  /** Connections that servers of this process have accepted. Empty if the option `servers` is false. */
  readonly served: ServedConnections;
}
