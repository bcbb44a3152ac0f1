import http from 'node:http';
import { get } from './get.ts';
import type { Incident } from './incident.ts';

/** A client for one request: no other request can use its connection. Each one costs a DNS lookup and a TCP handshake. */
function broken(url: string): Promise<void> {
  return get(url, new http.Agent({ keepAlive: true }));
}

/** One client, created when the program starts. */
const agent = new http.Agent({ keepAlive: true });
function fixed(url: string): Promise<void> {
  return get(url, agent);
}

export const incident: Incident = {
  name: 'client-per-request',
  upstream: 'payments',
  path: '/',
  load: { together: 3, pauses: [50] },
  broken: { says: 'a new http.Agent for every request', call: broken },
  fixed: { says: 'one http.Agent for all requests', call: fixed },
};
