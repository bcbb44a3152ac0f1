// Clients that make a request or a connection. Each function resolves when the operation has finished completely.
import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { ServerAddress } from './server.ts';

/** The name in the server's certificate. */
const NAME = 'localhost';

/** Runs the operation once. */
export type Operation = () => Promise<void>;

// instrumentation-http patches modules when they are required.
const require = createRequire(import.meta.url);

export const CLIENTS = {
  async undici({ host, port }: ServerAddress): Promise<Operation> {
    const { request, Agent } = await import('undici');
    const dispatcher = new Agent({ allowH2: false });
    const url = `http://${host}:${port}/`;
    return async () => {
      const { body } = await request(url, { dispatcher });
      await body.text();
    };
  },

  async fetch({ host, port }: ServerAddress): Promise<Operation> {
    const url = `http://${host}:${port}/`;
    return async () => {
      const response = await fetch(url);
      await response.text();
    };
  },

  async http({ host, port }: ServerAddress): Promise<Operation> {
    const http = require('node:http') as typeof import('node:http');
    return requesting(http.get, { host, port, agent: new http.Agent({ keepAlive: true }) });
  },

  async 'new-http'({ host, port }: ServerAddress): Promise<Operation> {
    const http = require('node:http') as typeof import('node:http');
    return requesting(http.get, { host, port, agent: new http.Agent({ keepAlive: false }) });
  },

  async 'new-https'({ host, port, ca }: ServerAddress): Promise<Operation> {
    const https = require('node:https') as typeof import('node:https');
    return requesting(https.get, { host, port, agent: new https.Agent({ keepAlive: false, ca, servername: NAME }) });
  },

  async 'new-undici'({ host, port }: ServerAddress): Promise<Operation> {
    const { request, Agent } = await import('undici');
    const dispatcher = new Agent({ allowH2: false });
    const url = `http://${host}:${port}/`;
    return async () => {
      const { body } = await request(url, { dispatcher, reset: true });
      await body.text();
    };
  },

  async 'new-undici-tls'({ host, port, ca }: ServerAddress): Promise<Operation> {
    const { request, Agent } = await import('undici');
    const dispatcher = new Agent({ allowH2: false, connect: { ca, servername: NAME } });
    const url = `https://${host}:${port}/`;
    return async () => {
      const { body } = await request(url, { dispatcher, reset: true });
      await body.text();
    };
  },

  async 'new-net'({ host, port }: ServerAddress): Promise<Operation> {
    const net = await import('node:net');
    return () =>
      new Promise((resolve, reject) => {
        const socket = net.connect(port, host, () => socket.destroy());
        socket.on('error', reject).on('close', () => resolve());
      });
  },

  async http2({ host, port }: ServerAddress): Promise<Operation> {
    const http2 = await import('node:http2');
    const session = http2.connect(`http://${host}:${port}`);
    await once(session, 'connect');
    return () =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ':path': '/' }).resume();
        stream.on('error', reject).on('close', resolve);
      });
  },

  async 'undici-h2'({ host, port, ca }: ServerAddress): Promise<Operation> {
    const { request, Agent } = await import('undici');
    const dispatcher = new Agent({ allowH2: true, connect: { ca, servername: NAME } });
    const url = `https://${host}:${port}/`;
    return async () => {
      const { body } = await request(url, { dispatcher });
      await body.text();
    };
  },
};

export type ClientName = keyof typeof CLIENTS;

/** Resolves when the connection is back in its agent or closed. */
function requesting(
  get: typeof import('node:http').get,
  options: import('node:http').RequestOptions | import('node:https').RequestOptions,
): Operation {
  return () =>
    new Promise((resolve, reject) => {
      get(options, response => response.resume())
        .on('error', reject)
        .on('close', resolve);
    });
}
