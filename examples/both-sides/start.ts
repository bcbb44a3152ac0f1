// `node examples/both-sides/start.ts` runs a client and a server in separate processes, both measured by connmeter. It scrapes both,
// and prints what each reports about the connections between them; docs/both-sides.md explains it. Run `npm run build` first.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { parseExposition, type Sample } from '../demo/exposition.ts';

interface MeasuredProcess {
  readonly child: ChildProcess;
  readonly metrics: string;
}

const server = await start('server.ts');
const [ports] = (await once(server.child, 'message')) as [Record<string, number>];
const client = await start('client.ts', JSON.stringify(ports));
console.log('Sending twenty requests to each server...\n');
await once(client.child, 'message');

const [serverSamples, clientSamples] = [await scrape(server), await scrape(client)];
const rows = Object.entries(ports).map(([name, port]) => {
  const at = (samples: readonly Sample[]) => samples.filter(({ labels }) => labels['server_port'] === `${port}`);
  const [atServer, atClient] = [at(serverSamples), at(clientSamples)];
  return [
    name,
    `${sum(atClient, 'connmeter_requests_total')}`,
    `${sum(atServer, 'connmeter_server_requests_total')}`,
    `${sum(atClient, 'connmeter_connection_opened_total')}`,
    `${sum(atServer, 'connmeter_server_connection_accepted_total')}`,
    reasons(atClient, 'connmeter_connection_closed_total'),
    reasons(atServer, 'connmeter_server_connection_closed_total'),
  ];
});
print([['server', 'sent', 'received', 'opened', 'accepted', 'closed (client)', 'closed (server)'], ...rows]);
for (const { child } of [client, server]) child.kill();

/** Runs a file with `--import connmeter/register`, with its metrics on a free port. */
async function start(file: string, argument = ''): Promise<MeasuredProcess> {
  const port = await freePort();
  const child = fork(join(import.meta.dirname, file), [argument], {
    execArgv: ['--disable-warning=ExperimentalWarning', '--import', 'connmeter/register'],
    env: { ...process.env, OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1', OTEL_EXPORTER_PROMETHEUS_PORT: `${port}` },
  });
  return { child, metrics: `http://127.0.0.1:${port}/metrics` };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await once(probe.listen(0, '127.0.0.1'), 'listening');
  const { port } = probe.address() as AddressInfo;
  await new Promise(resolve => probe.close(resolve));
  return port;
}

async function scrape({ metrics }: MeasuredProcess): Promise<Sample[]> {
  return parseExposition(await (await fetch(metrics)).text());
}

function sum(samples: readonly Sample[], name: string): number {
  return samples.filter(sample => sample.name === name).reduce((total, { value }) => total + value, 0);
}

function reasons(samples: readonly Sample[], name: string): string {
  const closed = samples.filter(sample => sample.name === name && sample.value > 0);
  return closed.map(({ labels, value }) => `${value} ${labels['connmeter_close_reason']}`).join(', ') || '-';
}

function print(lines: readonly (readonly string[])[]): void {
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map(line => line[column]?.length ?? 0))) ?? [];
  for (const line of lines) {
    console.log(
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}
