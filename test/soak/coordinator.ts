// coordinator.ts <plan> <folder>: runs in its own network namespace, starts the servers and the client, injects faults into
// the servers, and reports what all of them counted.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as passed } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { certificate } from '../support/certificates.ts';
import { startClient, startService } from './measured-program.ts';
import {
  type ClientTask,
  type Plan,
  SERVERS,
  type ServerCounts,
  type ServerName,
  type ServerTask,
  type SoakResult,
} from './plan.ts';
import { randomOf } from './random.ts';

const plan = JSON.parse(process.argv[2] as string) as Plan;
const folder = process.argv[3] as string;
const random = randomOf(plan.seed, -2);
const faults: Record<string, number> = {};
// Below the range of local ports, because a connection to a closed port in the range could connect to itself.
const FIRST_PORT = 2_000;
const REFUSED = 1_999;
const WITH_TLS = ['https', 'h2', 'echoTls', 'rude'] as const;
const QUIET = ['--disable-warning=ExperimentalWarning'];

// Each certificate has its own name, so that a client that trusts all of them can tell them apart.
const renewed = await Promise.all([1, 2, 3].map(n => certificate({ names: [`renewed-${n}.test`] })));
const certificates = [...renewed, await certificate({ names: ['expired.test'], expired: true })];
const EXPIRED = certificates.length - 1;
const extraCa = join(folder, 'ca.pem');
writeFileSync(extraCa, certificates.map(({ cert }) => cert).join('\n'));

const running = new Map<ServerName, ChildProcess>();
const countsFiles = new Map<ServerName, string[]>(SERVERS.map(name => [name, []]));

const portOf = (name: ServerName) => FIRST_PORT + SERVERS.indexOf(name);
const pathOf = (program: string) => fileURLToPath(new URL(program, import.meta.url));

async function startServer(name: ServerName): Promise<void> {
  const files = countsFiles.get(name) as string[];
  const counts = join(folder, `${name}-${files.length}`);
  files.push(counts);
  const task: ServerTask = { name, port: portOf(name), counts, certificates };
  const child = fork(pathOf('./server.ts'), [JSON.stringify(task)], { execArgv: QUIET });
  running.set(name, child);
  await once(child, 'message');
}

async function killAndRestart(name: ServerName): Promise<void> {
  const child = running.get(name) as ChildProcess;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
  await passed(random.between(0, 500));
  await startServer(name);
}

function renewCertificate(name: ServerName, to: number): void {
  running.get(name)?.send(to);
}

async function disturb(): Promise<void> {
  const fault = random.pick([
    'server killed',
    'certificate renewed',
    'certificate renewed',
    'certificate expired',
  ] as const);
  faults[fault] = (faults[fault] ?? 0) + 1;
  if (fault === 'server killed') return killAndRestart('falling');

  const name = random.pick(WITH_TLS);
  if (fault === 'certificate expired') {
    renewCertificate(name, EXPIRED);
    await passed(random.between(50, 300));
  }
  renewCertificate(name, random.between(0, EXPIRED - 1));
}

function countsOf(name: ServerName): ServerCounts {
  let [accepts, requests] = [0, 0];
  for (const file of countsFiles.get(name) as string[]) {
    const bytes = readFileSync(file);
    if (bytes.length < 8) continue; // the server was killed before it listened
    accepts += bytes.readUInt32LE(0);
    requests += bytes.readUInt32LE(4);
  }
  return { accepts, requests };
}

const allCounts = () =>
  Object.fromEntries(SERVERS.map(name => [name, countsOf(name)])) as Record<ServerName, ServerCounts>;

/** The counts of the servers once they are stable. */
async function settledCounts(): Promise<Record<ServerName, ServerCounts>> {
  let before = '';
  for (let counts = allCounts(); ; counts = allCounts()) {
    if (JSON.stringify(counts) === before) return counts;
    before = JSON.stringify(counts);
    await passed(500);
  }
}

process.on('disconnect', () => process.exit(1));
process.on('exit', () => {
  for (const child of running.values()) child.kill('SIGKILL');
});

for (const name of SERVERS) await startServer(name);
const ports = Object.fromEntries(SERVERS.map(name => [name, portOf(name)])) as Record<ServerName, number>;
const task: ClientTask = { plan, ports, refused: REFUSED, ca: certificates.map(({ cert }) => cert) };
const startProgram = plan.everything ? startService : startClient;
const { idle, report } = startProgram(task, { ...process.env, NODE_EXTRA_CA_CERTS: extraCa });
let over = false;
void idle.then(() => {
  over = true;
});
while (!over) {
  await disturb();
  await Promise.race([idle, passed(random.between(200, 2_000))]);
}
for (const child of running.values()) child.send('drop');
const soaked: SoakResult = {
  plan,
  node: process.version,
  ports,
  client: await report(),
  servers: await settledCounts(),
  faults,
};
process.send?.(soaked, () => process.exit());
