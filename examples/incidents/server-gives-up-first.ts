import http from 'node:http';
import { get } from './get.ts';
import type { Incident } from './incident.ts';

// The keep-alive race, on both sides of the checkout service. If the server ends idle connections, a request may be on its way when it
// does. That request fails. 5 s is the default of Node.js. The network delay of 0.2 s makes the race frequent; without delay it is rare.
const upstream = { keepAliveTimeout: 5_000, announced: false, networkDelay: 200 };

/** Keeps idle connections for as long as the server does not close them. After 4.8 s, the request and the close cross. */
const trusting = new http.Agent({ keepAlive: true });
function broken(url: string): Promise<void> {
  return get(url, trusting);
}

/** Gives up idle connections before the server does. */
const careful = new http.Agent({ keepAlive: true, timeout: 2_500 });
function fixed(url: string): Promise<void> {
  return get(url, careful);
}

export const incident: Incident = {
  name: 'server-gives-up-first',
  upstream: 'payments',
  path: '/',
  load: { together: 5, pauses: [200, 4_800, 300, 4_700] },
  // The same mistake as a server: its proxy keeps idle connections for 60 s (proxy.ts).
  broken: {
    says: 'payments closes idle connections before the client does, and checkout does before its proxy',
    call: broken,
    upstream,
    keepAliveTimeout: 1_000,
  },
  fixed: {
    says: 'the client closes them first, and so does the proxy',
    call: fixed,
    upstream,
    keepAliveTimeout: 65_000,
  },
};
