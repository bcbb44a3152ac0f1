// The server of a run, in its own process, so that its CPU time does not count for the client. Listens where it is told to;
// exits with its parent.
import { once } from 'node:events';
import http, { type ServerResponse } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { certificate } from '../test/support/certificates.ts';

export interface ListenRequest {
  readonly kind: 'http' | 'https' | 'http2' | 'http2c' | 'tcp';
  readonly host: string;
}

export interface ServerAddress extends ListenRequest {
  readonly port: number;
  readonly ca: string;
}

const { key, cert } = await certificate();
const waiting: ServerResponse[] = [];

/** `/gather/N` is answered once N requests have arrived, so that N connections are open at once. */
function answer(request: http.IncomingMessage, response: ServerResponse): void {
  if (!request.url?.startsWith('/gather/')) {
    response.end('hello');
    return;
  }
  waiting.push(response);
  if (waiting.length < Number(request.url.slice('/gather/'.length))) return;
  for (const each of waiting.splice(0)) each.end('hello');
}

function make(kind: ListenRequest['kind']): net.Server {
  switch (kind) {
    case 'http':
      return http.createServer({ keepAliveTimeout: 0 }, answer);
    case 'https':
      return https.createServer({ key, cert, keepAliveTimeout: 0 }, answer);
    case 'http2':
      return http2.createSecureServer({ key, cert }, (_request, response) => response.end('hello'));
    case 'http2c':
      return http2.createServer((_request, response) => response.end('hello'));
    case 'tcp':
      return net.createServer(socket => socket.on('error', () => {}).resume());
  }
}

process.on('message', async ({ kind, host }: ListenRequest) => {
  const server = make(kind);
  Object.assign(server, { headersTimeout: 0, requestTimeout: 0 });
  server.on('error', error => {
    throw error;
  });
  await once(server.listen({ host, port: 0, backlog: 4096 }), 'listening');
  const { port } = server.address() as AddressInfo;
  process.send?.({ kind, host, port, ca: cert } satisfies ServerAddress);
});
process.on('disconnect', () => process.exit());
