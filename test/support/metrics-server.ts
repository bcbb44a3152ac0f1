import { once } from 'node:events';
import type { Server } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { guardWith } from '../../src/core/guard.ts';
import type { Overview } from '../../src/explain/overview.ts';
import { Exposition } from '../../src/register/exposition.ts';
import { createMetricsServer, METRICS_PATH } from '../../src/register/metrics-server.ts';
import { writing } from './written-text.ts';

export const BODY = 'the metrics';

export interface MetricsServerOptions {
  /** A text, or its pieces. */
  readonly make?: () => Promise<string | readonly string[]>;
  readonly onFault?: (fault: unknown) => void;
  readonly allowed?: readonly string[];
  readonly host?: string;
  /** Of the local page. */
  readonly overview?: () => Promise<Overview>;
  readonly onServerFault?: (where: string, error: unknown) => void;
}

export interface MetricsServer {
  readonly server: Server;
  readonly port: number;
  readonly base: string;
  /** Number of collections so far. */
  readonly collected: () => number;
}

/** Starts the metrics server in this process, on a free port. */
export async function startMetricsServer({
  make = async () => BODY,
  onFault = fault => expect.unreachable(String(fault)),
  allowed,
  host = '127.0.0.1',
  overview,
  onServerFault = (where, error) => expect.unreachable(`${where}: ${error}`),
}: MetricsServerOptions = {}): Promise<MetricsServer> {
  let collections = 0;
  const exposition = new Exposition(async () => {
    collections++;
    return writing([await make()].flat());
  }, onFault);
  const guard = guardWith(onServerFault);
  const server = createMetricsServer(exposition, { host, allowed, overview }, guard).listen(0, host);
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { server, port, base: `http://127.0.0.1:${port}`, collected: () => collections };
}

export interface RawClient {
  readonly socket: Socket;
  /** All bytes received so far. */
  readonly received: () => string;
  /** Resolves when the connection is closed. */
  readonly closed: Promise<unknown>;
  readonly isClosed: () => boolean;
}

/** Opens a connection and sends these bytes. */
export async function sendRaw(port: number, bytes: string): Promise<RawClient> {
  let heard = '';
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  const closed = new Promise(resolve => socket.once('close', resolve));
  socket.setEncoding('latin1').on('data', text => {
    heard += text;
  });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  socket.write(bytes);
  return { socket, received: () => heard, closed, isClosed: () => socket.closed };
}

/** Sends these bytes, and returns everything received until the connection closes. */
export async function rawResponse(port: number, bytes: string): Promise<string> {
  const { received, closed } = await sendRaw(port, bytes);
  await closed;
  return received();
}

/** A request that closes its connection; `KEEP_ALIVE_GET` keeps it open. */
export const get = (path: string, ...headers: string[]) =>
  [`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers, '', ''].join('\r\n');
export const KEEP_ALIVE_GET = `GET ${METRICS_PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

export const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1]);

/** A promise of a text, with its `resolve` function. */
export function deferredText(): { promise: Promise<string>; resolve: (text: string) => void } {
  let resolve: (text: string) => void = () => {};
  const promise = new Promise<string>(done => {
    resolve = done;
  });
  return { promise, resolve };
}
