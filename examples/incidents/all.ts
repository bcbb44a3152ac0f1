import { incident as clientPerRequest } from './client-per-request.ts';
import { incident as idleClosedEarly } from './idle-closed-early.ts';
import type { Incident } from './incident.ts';
import { incident as poolAtItsLimit } from './pool-at-its-limit.ts';
import { incident as serverGivesUpFirst } from './server-gives-up-first.ts';
import { incident as slowDns } from './slow-dns.ts';
import { incident as unreadBodies } from './unread-bodies.ts';

/** In the order in which they are staged. */
export const INCIDENTS: readonly Incident[] = [
  clientPerRequest,
  unreadBodies,
  slowDns,
  idleClosedEarly,
  poolAtItsLimit,
  serverGivesUpFirst,
];
