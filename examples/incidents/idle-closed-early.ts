import http from 'node:http';
import { get } from './get.ts';
import type { Incident } from './incident.ts';

const agent = new http.Agent({ keepAlive: true });
const call = (url: string) => get(url, agent);

/** The server closes connections that were idle for a second. The requests come every two seconds: each needs a new connection. */
const broken = { keepAliveTimeout: 1_000, announced: false };

/** The server keeps idle connections for longer than the pauses between requests: `server.keepAliveTimeout = 30_000`. */
const fixed = { keepAliveTimeout: 30_000, announced: false };

export const incident: Incident = {
  name: 'idle-closed-early',
  upstream: 'inventory',
  path: '/',
  load: { together: 10, pauses: [2_000] },
  broken: { says: 'the server closes idle connections after 1 s, and requests come every 2 s', call, upstream: broken },
  fixed: { says: 'the server keeps idle connections for 30 s', call, upstream: fixed },
};
