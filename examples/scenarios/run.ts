// Runs one scenario against its own server, and prints the counts of the server and of connmeter:
//   node examples/scenarios/run.ts unread-body wasteful fetch
//   node examples/scenarios/run.ts unread-body wasteful fetch 20    # 20 copies of the program at the same time
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ConnectionInstrumentation } from '../../src/index.ts';
import { certificate } from '../../test/support/certificates.ts';
import type { Seen } from '../../test/support/server.ts';
import { appliesTo, CLIENTS, run, type Scenario, type Variant } from './scenario.ts';

const NOT_SCENARIOS = ['basic.ts', 'run.ts', 'scenario.ts'];
const names = readdirSync(import.meta.dirname)
  .filter(file => !NOT_SCENARIOS.includes(file))
  .map(file => file.replace('.ts', ''));
const [name, kind, client = 'fetch', parallel = '1'] = parseArgs({ allowPositionals: true }).positionals;
const { scenario } = names.includes(name ?? '') ? ((await import(`./${name}.ts`)) as { scenario: Scenario }) : {};
const variant: Variant | undefined = kind === 'wasteful' || kind === 'fixed' ? scenario?.[kind] : undefined;
const known = CLIENTS.find(each => each === client);
if (variant === undefined || known === undefined || !appliesTo(variant, known)) {
  const clients = variant === undefined ? CLIENTS : CLIENTS.filter(each => appliesTo(variant, each));
  console.error(`usage: run.ts <scenario> wasteful|fixed [${clients.join('|')}] [copies]\n\n${names.join('\n')}`);
  process.exit(2);
}

const own = await certificate();
if (known === 'fetch' && variant.server?.kind === 'http2') process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
const options = { kind: 'http', host: '127.0.0.1', ...variant.server, certificate: own };
const server = fork(`${import.meta.dirname}/../../test/support/server-process.ts`, [JSON.stringify(options)]);
const [{ port }] = (await once(server, 'message')) as [{ port: number }];
if (variant.serverStopped) {
  server.kill();
  await once(server, 'exit');
}

const { connections } = new ConnectionInstrumentation();
const cleanup = await run(variant, known, port, own.cert, Number(parallel));
await sleep(700); // for the last connections to close, and for bodies to be unread for half a second
const { origins, live } = connections.snapshot();
console.log(scenario?.description);
if (server.connected) {
  server.send('seen');
  const [seen] = (await once(server, 'message')) as [Seen];
  console.log(`The server accepted ${seen.accepts} connections and ${seen.requests} requests.`);
}
for (const { address, opened, closed, failed, requests } of origins.slice(0, 3)) {
  console.log(
    `connmeter, for ${address}: ${requests.fresh} requests on a new connection, ${requests.reused} on a reused one`,
  );
  for (const { cause, reason = '', count } of opened) console.log(`  opened ${count}: ${cause} ${reason}`);
  for (const { reason, count } of closed) console.log(`  closed ${count}: ${reason}`);
  for (const { phase, errorType, count } of failed) console.log(`  failed ${count}: ${phase}, ${errorType}`);
}
console.log(`Open now: ${live.length}`);

await cleanup.cancelBodies();
await cleanup.destroy();
server.kill();
process.exit(); // fetch keeps connections open for a few seconds
