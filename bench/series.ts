import { once } from 'node:events';
import https, { Agent } from 'node:https';
import type { AddressInfo, LookupFunction, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { ConnectionInstrumentation } from '../src/index.ts';
import type { Detail } from '../src/metrics/detail.ts';
import { certificate } from '../test/support/certificates.ts';

/** The number of series of an origin after all events so far. */
export interface SeriesStep {
  readonly after: string;
  readonly series: number;
  /** Lookup series of its host name, which all ports of a host share. */
  readonly ofName: number;
}

/** Counts the series of an origin while more and more kinds of events happen between a real HTTPS server and a client. */
export async function series({ detail }: { readonly detail: Detail }): Promise<SeriesStep[]> {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const connmeter = new ConnectionInstrumentation({ servers: false, detail });
  connmeter.setMeterProvider(new MeterProvider({ readers: [exporter] }));

  const { key, cert } = await certificate();
  const sockets = new Set<Socket>();
  const listening = async (host: string, port: number) => {
    const server = https.createServer({ key, cert, keepAliveTimeout: 0 }, (_request, response) =>
      response.end('hello'),
    );
    server.on('connection', (socket: Socket) => sockets.add(socket));
    await once(server.listen(port, host), 'listening');
    return server;
  };
  const server = await listening('127.0.0.1', 0);
  const { port } = server.address() as AddressInfo;
  const servers = [server, await listening('::1', port)];

  const agent = new Agent({ keepAlive: true });
  const visit = (options: https.RequestOptions = {}) => visited({ port, ca: cert, agent, ...options });
  const hangUp = async () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    await pause(50);
  };
  const happenings: [string, () => Promise<void>][] = [
    [
      'requests over HTTPS, reused',
      async () => {
        await visit();
        await visit();
      },
    ],
    [
      'a connection lost and replaced, its TLS session resumed',
      async () => {
        await hangUp();
        await visit();
      },
    ],
    [
      'the other address family',
      async () => {
        await hangUp();
        await visit({ lookup: toIpv6 });
      },
    ],
    ['a second way to lose connections', () => visit({ agent: false })],
    ['a certificate that is not trusted', () => visit({ ca: [], agent: false })],
    [
      'a server that refuses',
      async () => {
        for (const server of servers) server.close();
        await hangUp();
        await visit({ agent: false });
      },
    ],
  ];

  const steps: SeriesStep[] = [];
  for (const [after, happen] of happenings) {
    await happen();
    await pause(50);
    const { resourceMetrics } = await exporter.collect();
    const lines = new PrometheusSerializer().serialize(resourceMetrics).split('\n');
    const having = (label: string) => lines.filter(line => line.includes(label)).length;
    steps.push({ after, series: having(`server_port="${port}"`), ofName: having('dns_question_name="localhost"') });
  }
  connmeter.disable();
  agent.destroy();
  return steps;
}

/** Resolves every name to ::1, because some machines do not resolve localhost to it. */
const toIpv6: LookupFunction = (_name, _options, callback) => callback(null, [{ address: '::1', family: 6 }]);

/** Resolves when the request has finished or failed. */
function visited(options: https.RequestOptions): Promise<void> {
  return new Promise(resolve => {
    https
      .get({ host: 'localhost', family: 4, ...options }, response => response.resume())
      .on('error', () => {})
      .on('close', () => setTimeout(resolve, 20));
  });
}
