import { pbkdf2 } from 'node:crypto';
import http from 'node:http';
import { promisify } from 'node:util';
import { get } from './get.ts';
import type { Incident } from './incident.ts';

// No DNS server is slow here: the lookups wait in this process. Node runs them on four threads, with password hashes, compression and
// file access. Connections are closed after each request all the time, so that there are lookups in both halves.
const agent = new http.Agent({ keepAlive: false });

const hashOf = promisify(pbkdf2);
const hashPassword = () => hashOf('correct horse', 'battery staple', 60_000, 64, 'sha512');

/** Logins hash their passwords all at once. The lookups of the requests that follow wait until all four threads are done with that. */
async function broken(url: string): Promise<void> {
  await hashPassword();
  await get(url, agent);
}

/** At most two hashes at a time, so that two threads are free for lookups. (More threads, `UV_THREADPOOL_SIZE=16`, help too.) */
const lanes: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()];
let turn = 0;
async function fixed(url: string): Promise<void> {
  const lane = turn++ % lanes.length;
  lanes[lane] = (lanes[lane] as Promise<unknown>).then(hashPassword);
  await lanes[lane];
  await get(url, agent);
}

export const incident: Incident = {
  name: 'slow-dns',
  upstream: 'accounts',
  path: '/',
  load: { together: 48, pauses: [4_000] },
  broken: { says: '48 password hashes at once: DNS lookups wait for a thread', call: broken },
  fixed: { says: 'two hashes at a time: DNS lookups find a free thread', call: fixed },
};
