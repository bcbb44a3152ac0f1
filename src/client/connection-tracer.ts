import type { Phase } from '../core/errors.ts';
import type { Guard } from '../core/guard.ts';
import type { Connection } from './connection.ts';
import type { ContextTrust } from './with-caller.ts';

/** Learns of the connections that are opened, and of the requests that wait for them. */
export interface ConnectionTracer {
  /** A request is made, and the code that makes it is on the stack. */
  requestMade(request: object, trust: ContextTrust): void;
  /** `request`: the one that the connection is opened for, if it is known. */
  attempted(connection: Connection, request: object): void;
  opened(connection: Connection): void;
  /** The cause of an opened connection is decided. */
  counted(connection: Connection): void;
  failed(connection: Connection, phase: Phase, errorType: string): void;
}

/** The same, behind a guard: if it fails, connections are counted all the same. */
export function guardedTracer(tracer: ConnectionTracer, guard: Guard): ConnectionTracer {
  return {
    requestMade: guard('trace a request', (request, trust) => tracer.requestMade(request, trust)),
    attempted: guard('trace an attempt', (connection, request) => tracer.attempted(connection, request)),
    opened: guard('trace a connection', connection => tracer.opened(connection)),
    counted: guard('trace a cause', connection => tracer.counted(connection)),
    failed: guard('trace a failure', (connection, phase, type) => tracer.failed(connection, phase, type)),
  };
}
