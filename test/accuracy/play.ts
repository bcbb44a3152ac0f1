// One play: a scenario with one client at one parallelism, in its own process with connmeter on. Started by run.ts.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { instrumentation } from 'connmeter/register';
import { certificate } from '../support/certificates.ts';
import { type ClientName, makeClient } from './clients.ts';
import { type Logged, startLog } from './log.ts';
import { SCENARIOS } from './scenarios.ts';
import type { Accepted, ServersOptions } from './server.ts';
import { Reader } from './told.ts';
import { trueCauses } from './truth.ts';

export interface PlayOptions {
  readonly scenario: string;
  readonly client: ClientName;
  readonly parallel: number;
  /** How the judge marks dispatchers of undici: see docs/accuracy.md. */
  readonly mark: 'address' | 'path';
}

export interface PlayResult {
  /** How many connections have this true cause, and this answer from connmeter. */
  readonly pairs: readonly { readonly truth: string; readonly told: string; readonly count: number }[];
  /** What makes the result doubtful: empty if the judge and connmeter agree on the connections themselves. */
  readonly problems: readonly string[];
}

const { scenario: name, client: clientName, parallel, mark } = JSON.parse(process.argv[2] as string) as PlayOptions;
const scenario = SCENARIOS[name];
if (scenario === undefined || instrumentation === undefined) throw new Error('no such scenario, or connmeter is off');

const { count = 1, kind = 'http', keepAliveTimeout = 5_000 } = scenario.servers ?? {};
const serversOptions: ServersOptions = {
  count,
  kind,
  keepAliveTimeout,
  ...(kind === 'https' && { certificate: await certificate() }),
};
const server = fork(`${import.meta.dirname}/server.ts`, [JSON.stringify(serversOptions)], {
  execArgv: ['--disable-warning=ExperimentalWarning'],
});
const [ports] = (await once(server, 'message')) as [number[]];

const { connections } = instrumentation;
const reader = new Reader(() => connections.snapshot(), ports);
let closes = 0;
const log = startLog(() => {
  if (++closes % 50 === 0) reader.read(); // a snapshot lists the last 100
});
const setting = { ports, secure: kind === 'https', markConnections: mark === 'address', log };
const { client, owners } = await makeClient(clientName, setting);

await scenario.play(client, parallel);
await sleep(30); // for the last closes
const judged = log.connections.filter(({ opened, port }) => opened && ports.includes(port));
const told = reader.finish(judged);
server.send('log');
const [accepted] = (await once(server, 'message')) as [Accepted[]];
const problems: string[] = [];
const ownerOf = findOwners(accepted);
const truth = trueCauses(log.entries, connection =>
  judged.includes(connection) ? ownerOf.get(connection) : undefined,
);

const pairs = new Map<string, { truth: string; told: string; count: number }>();
for (const [connection, cause] of truth) {
  const answer = told.causes.get(connection) ?? 'missing';
  const key = `${cause} ${answer}`;
  const pair = pairs.get(key) ?? { truth: cause, told: answer, count: 0 };
  pair.count++;
  pairs.set(key, pair);
}
const counts: Record<string, number> = {};
for (const cause of told.causes.values()) if (cause !== 'pending') counts[cause] = (counts[cause] ?? 0) + 1;
if (told.unmatched > 0) problems.push(`${told.unmatched} connections are known to connmeter only`);
if (judged.length !== truth.size) problems.push(`${judged.length - truth.size} connections have no known dispatcher`);
if (sorted(counts) !== sorted(told.counts)) {
  problems.push(`connections and counters differ: ${sorted(counts)} and ${sorted(told.counts)}`);
}
const result: PlayResult = { pairs: [...pairs.values()], problems };
process.send?.(result, () => process.exit());

/** Who opened each connection, according to the server. */
function findOwners(accepted: readonly Accepted[]): Map<Logged, string> {
  const found = new Map<Logged, string>();
  const unused = new Map<string, Accepted[]>();
  for (const each of accepted) {
    const key = `${each.port} ${each.remote}`;
    unused.set(key, [...(unused.get(key) ?? []), each]);
  }
  const senders = new Set(accepted.flatMap(each => each.senders));
  for (const connection of judged) {
    const seen = unused.get(`${connection.port} ${connection.local}`)?.shift();
    const byAddress = owners.get(connection.local.split(' ')[0] ?? '');
    const [sender, ...others] = seen?.senders ?? [];
    if (seen === undefined) problems.push(`the server did not see ${connection.local}`);
    if (others.length > 0 || (byAddress !== undefined && sender !== undefined && byAddress !== sender)) {
      problems.push(`requests of several dispatchers on one connection: ${byAddress}, ${sender}, ${others}`);
    }
    // A connection without requests: if there is only one dispatcher, it is that one's.
    const owner = sender ?? byAddress ?? (senders.size === 1 ? [...senders][0] : undefined);
    if (owner !== undefined) found.set(connection, owner);
  }
  return found;
}

function sorted(counts: Readonly<Record<string, number>>): string {
  return Object.keys(counts)
    .sort()
    .map(cause => `${cause} ${counts[cause]}`)
    .join(', ');
}
