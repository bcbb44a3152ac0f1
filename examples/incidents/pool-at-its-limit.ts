import http from 'node:http';
import { get } from './get.ts';
import type { Incident } from './incident.ts';

/** Three connections for twelve requests that take 0.1 s each: nine of them wait, up to 0.3 s. */
const small = new http.Agent({ keepAlive: true, maxSockets: 3 });
function broken(url: string): Promise<void> {
  return get(url, small);
}

/** As many connections as requests are under way at a time. */
const large = new http.Agent({ keepAlive: true, maxSockets: 12 });
function fixed(url: string): Promise<void> {
  return get(url, large);
}

export const incident: Incident = {
  name: 'pool-at-its-limit',
  upstream: 'pricing',
  path: '/slow',
  load: { together: 12, pauses: [200] },
  broken: { says: 'maxSockets: 3 for 12 requests at once: requests wait in the queue', call: broken },
  fixed: { says: 'maxSockets: 12: no request waits', call: fixed },
};
