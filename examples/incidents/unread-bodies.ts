import http from 'node:http';
import { get } from './get.ts';
import type { Incident } from './incident.ts';

const agent = new http.Agent({ keepAlive: true });

/** Checks the status and forgets the body. The connection stays busy until the body is read, so the next request opens another. */
async function broken(url: string): Promise<void> {
  const { ok } = await fetch(url);
  if (!ok) throw new Error('not ok');
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get(url, { agent }, resolve).on('error', reject);
  });
  if (response.statusCode !== 200) throw new Error('not ok');
  giveUpLater(response);
}

/** Without this, node:http keeps the connection of an unread body for ever, and this program would run out of memory. */
function giveUpLater(response: http.IncomingMessage): void {
  response.on('error', () => {});
  setTimeout(() => response.destroy(), 15_000).unref();
}

/** Reads every body to the end, also one that nobody needs. */
async function fixed(url: string): Promise<void> {
  const response = await fetch(url);
  await response.arrayBuffer();
  if (!response.ok) throw new Error('not ok');
  await get(url, agent); // which calls response.resume()
}

export const incident: Incident = {
  name: 'unread-bodies',
  upstream: 'catalog',
  path: '/large',
  load: { together: 1, pauses: [100] },
  broken: { says: 'response bodies of 200 kB that nobody reads', call: broken },
  fixed: { says: 'every body is read to the end', call: fixed },
};
