import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import type { Dispatcher } from 'undici';
import { request as undiciRequest } from 'undici';

/** A request of node:http or node:https, with its body read to the end. */
export function get(url: string, options: https.RequestOptions = {}): Promise<void> {
  const { get: send } = url.startsWith('https') ? https : http;
  return new Promise((resolve, reject) => {
    send(url, options, response => response.resume().on('close', resolve)).on('error', reject);
  });
}

export async function undici(url: string, dispatcher: Dispatcher): Promise<void> {
  const { body } = await undiciRequest(url, { dispatcher });
  await body.text();
}

export async function fetched(url: string, init: RequestInit = {}): Promise<void> {
  await (await fetch(url, init)).text();
}

/** A query on a connection without HTTP: one line there, one line back. */
export function query(socket: net.Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error?: Error) => reject(error ?? new Error('closed'));
    socket.once('error', failed).once('close', failed);
    socket.once('data', () => {
      socket.off('error', failed).off('close', failed);
      resolve();
    });
    socket.write('select 1\n');
  });
}

export function connected(port: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(socket.off('error', reject)));
    socket.once('error', reject);
  });
}

/** A port where nothing listens. */
export async function closedPort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
