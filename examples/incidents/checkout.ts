// The checkout service, which start.ts runs as `node --import connmeter/register checkout.ts`. So the metrics need no code here.
// It calls five upstreams all the time, and plays the incidents that start.ts orders. It also is a server, which proxy.ts calls.
import http from 'node:http';
import { exitWithParent } from '../demo/exit-with-parent.ts';
import { INCIDENTS } from './all.ts';
import type { UpstreamName } from './hosts.ts';
import { listen } from './listen.ts';
import { background, Load } from './load.ts';

/** Plays this half of an incident. Without a name, it stops the current one. */
export interface Order {
  readonly name?: string;
  readonly half?: 'broken' | 'fixed';
}

const PORT = 18_100;
/** Longer than the proxy keeps idle connections. */
const KEEP_ALIVE_TIMEOUT = 65_000;

exitWithParent();
const upstreams = JSON.parse(process.argv[2] as string) as Record<UpstreamName, string>;
const server = http.createServer((_request, response) => void response.end('ok'));
server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT;
server.keepAliveTimeoutBuffer = 0; // close at the timeout, not a second later

let load: Load | undefined;
process.on('message', async ({ name, half }: Order) => {
  await load?.stop();
  load = undefined;
  const incident = INCIDENTS.find(each => each.name === name);
  if (incident !== undefined && half !== undefined) {
    server.keepAliveTimeout = incident[half].keepAliveTimeout ?? KEEP_ALIVE_TIMEOUT;
    load = new Load(incident, incident[half], upstreams[incident.upstream]);
  }
  process.send?.('done');
});

for (const url of Object.values(upstreams)) background(url);
process.send?.(await listen(server, '127.0.0.1', PORT));
