import { once } from 'node:events';
import type { Server } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { guardWith } from '../../src/core/guard.ts';
import { Exposition } from '../../src/register/exposition.ts';
import { createMetricsServer, METRICS_PATH } from '../../src/register/metrics-server.ts';

export const BODY = 'the metrics';

export interface Serving {
  readonly make?: () => Promise<string>;
  readonly onFault?: (fault: unknown) => void;
  readonly allowed?: readonly string[];
  readonly host?: string;
}

export interface Served {
  readonly server: Server;
  readonly port: number;
  readonly base: string;
  /** How often the text has been made. */
  readonly collected: () => number;
}

/** The metrics server, in this process, on a port of its own. */
export async function serving({
  make = async () => BODY,
  onFault = fault => expect.unreachable(String(fault)),
  allowed,
  host = '127.0.0.1',
}: Serving = {}): Promise<Served> {
  let collections = 0;
  const exposition = new Exposition(() => {
    collections++;
    return make();
  }, onFault);
  const guard = guardWith((where, error) => expect.unreachable(`${where}: ${error}`));
  const server = createMetricsServer(exposition, { host, allowed }, guard).listen(0, host);
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { server, port, base: `http://127.0.0.1:${port}`, collected: () => collections };
}

export interface Client {
  readonly socket: Socket;
  /** All that was answered so far. */
  readonly heard: () => string;
  /** When the connection is closed; whether it is. */
  readonly closed: Promise<unknown>;
  readonly isClosed: () => boolean;
}

/** A connection that sends these bytes and listens. */
export async function saying(port: number, bytes: string): Promise<Client> {
  let heard = '';
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  const closed = new Promise(resolve => socket.once('close', resolve));
  socket.setEncoding('latin1').on('data', text => {
    heard += text;
  });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  socket.write(bytes);
  return { socket, heard: () => heard, closed, isClosed: () => socket.closed };
}

/** All that is answered to these bytes, up to the end of the connection. */
export async function answerTo(port: number, bytes: string): Promise<string> {
  const { heard, closed } = await saying(port, bytes);
  await closed;
  return heard();
}

/** A request on a connection that is closed after it; `KEPT` is one that is not. */
export const get = (path: string, ...headers: string[]) =>
  [`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers, '', ''].join('\r\n');
export const KEPT = `GET ${METRICS_PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

export const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1]);

/** A text that is not made until it is told to. */
export function waitingText(): { promise: Promise<string>; resolve: (text: string) => void } {
  let resolve: (text: string) => void = () => {};
  const promise = new Promise<string>(done => {
    resolve = done;
  });
  return { promise, resolve };
}
