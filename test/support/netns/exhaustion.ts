// Runs in a namespace with few ports for outgoing connections: one client per request until no port is left, or one
// client for all requests. Scrapes itself after every few requests.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { Client } from 'undici';
import { ConnectionInstrumentation } from '../../../src/index.ts';
import { countTimeWait } from '../kernel.ts';
import { ManualReader } from '../manual-reader.ts';
import { errorCode, readTask, sendReport } from './program.ts';

export interface ExhaustionTask {
  /** One client for all requests instead of one per request. */
  readonly cured: boolean;
  readonly rounds: number;
  readonly perRound: number;
  readonly firstPort: number;
  readonly lastPort: number;
}

export interface ExhaustionReport {
  /** The scrape after each round. */
  readonly scrapes: readonly string[];
  /** Sockets in TIME_WAIT after each round, counted from the kernel's list. */
  readonly listed: readonly number[];
  /** Number of requests by outcome. */
  readonly endings: Record<string, number>;
}

const { cured, rounds, perRound, firstPort, lastPort } = readTask<ExhaustionTask>();
writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', `${firstPort} ${lastPort}`);
writeFileSync('/proc/sys/net/ipv4/tcp_tw_reuse', '0'); // some kernels reuse ports early over loopback

const reader = new ManualReader();
new ConnectionInstrumentation().setMeterProvider(new MeterProvider({ readers: [reader] }));
const serializer = new PrometheusSerializer();
const scrape = async () => serializer.serialize((await reader.collect()).resourceMetrics);

const server = http.createServer((_request, response) => void response.end('hello'));
await once(server.listen(80, '127.0.0.1'), 'listening');
const make = () => new Client('http://127.0.0.1:80');
const shared = make();

async function request(): Promise<string> {
  const client = cured ? shared : make();
  try {
    await (await client.request({ method: 'GET', path: '/' })).body.text();
    return 'ok';
  } catch (error) {
    return errorCode(error);
  } finally {
    if (!cured) await client.close(); // the side that closes first keeps the socket in TIME_WAIT
  }
}

const endings: Record<string, number> = {};
const scrapes = [await scrape()];
const listed = [countTimeWait()];
for (let round = 0; round < rounds; round++) {
  for (let i = 0; i < perRound; i++) {
    const ending = await request();
    endings[ending] = (endings[ending] ?? 0) + 1;
  }
  await eventuallyStill();
  scrapes.push(await scrape());
  listed.push(countTimeWait());
}

await shared.close();
server.close();
sendReport({ scrapes, listed, endings });

/** Waits until the number of TIME_WAIT sockets is stable: the other side has to close, too. */
async function eventuallyStill(): Promise<void> {
  for (let still = 0, last = -1; still < 3; ) {
    const now = countTimeWait();
    still = now === last ? still + 1 : 0;
    last = now;
    await new Promise(setImmediate);
  }
}
