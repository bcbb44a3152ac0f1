import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { addAbortSignal, PassThrough, pipeline, Writable } from 'node:stream';
import tls from 'node:tls';
import axios from 'axios';
import got from 'got';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { expect, onTestFinished, test } from 'vitest';
import { isNetworkError, isReset, isTimeoutError, isWriteError } from '../../src/core/error-origin.ts';
import { certificate } from '../support/certificates.ts';

// Each error is a real one: it is what a connected socket was destroyed with.

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A connected socket, and the other end of it. */
async function pair(): Promise<readonly [Socket, Socket]> {
  const server = net.createServer({ allowHalfOpen: true });
  const port = await listen(server);
  const socket = net.connect(port, '127.0.0.1');
  const [[peer]] = (await Promise.all([once(server, 'connection'), once(socket, 'connect')])) as [[Socket], unknown];
  for (const each of [socket, peer]) each.on('error', () => {});
  onTestFinished(() => {
    socket.destroy();
    peer.destroy();
  });
  return [socket, peer];
}

/** The error that destroyed the socket. */
async function errorOf(socket: Socket): Promise<unknown> {
  if (!socket.closed) await once(socket, 'close').catch(() => {});
  return socket.errored;
}

async function errorAfter(act: (socket: Socket, peer: Socket) => unknown): Promise<unknown> {
  const [socket, peer] = await pair();
  await act(socket, peer);
  return errorOf(socket);
}

test('a reset, while nothing is written', async () => {
  const error = await errorAfter((socket, peer) => {
    socket.resume();
    peer.resetAndDestroy();
  });

  expect(error).toMatchObject({ code: 'ECONNRESET' });
  expect([isNetworkError(error), isReset(error), isWriteError(error)]).toEqual([true, true, false]);
});

test('a write to a socket that the other side has closed', async () => {
  const error = await errorAfter(async (socket, peer) => {
    socket.resume();
    peer.end();
    await once(socket, 'end');
    socket.write('too late');
  });

  expect(error).toMatchObject({ code: 'EPIPE' });
  expect([isNetworkError(error), isReset(error)]).toEqual([true, true]);
});

test('a write that the other side answers with a reset', async () => {
  const error = await errorAfter(async (socket, peer) => {
    peer.resetAndDestroy(); // the socket does not read, so it learns of this only when it writes
    await once(peer, 'close');
    const writeOn = () => socket.write('x', () => setImmediate(() => socket.destroyed || writeOn()));
    writeOn();
  });

  expect([isNetworkError(error), isReset(error)]).toEqual([true, true]);
});

test('a damaged TLS record', async () => {
  const pem = await certificate();
  const target = await listen(
    tls.createServer(pem, socket => {
      socket.on('error', () => {}).once('data', () => socket.write('hello'));
    }),
  );
  let handshake = true;
  const damaging = net.createServer(client => {
    const server = net.connect(target, '127.0.0.1').on('error', () => client.destroy());
    client.on('error', () => {}).pipe(server);
    client.on('close', () => server.destroy());
    server.on('data', data => {
      if (!handshake) data[data.length - 1] = (data.at(-1) as number) ^ 1;
      client.write(data);
    });
  });
  const socket = tls.connect({ host: '127.0.0.1', port: await listen(damaging), rejectUnauthorized: false });
  onTestFinished(() => void socket.destroy());
  socket.once('secureConnect', () => {
    handshake = false;
    socket.resume().write('hello');
  });

  const [error] = await once(socket, 'error'); // Node does not destroy the socket

  expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_SSL_/) });
  expect([isNetworkError(error), isReset(error)]).toEqual([true, false]);
});

test.each<[string, (url: string) => Promise<unknown>]>([
  ['node:http', url => once(http.get(url), 'response')],
  ['fetch', async url => fetch(url).catch(({ cause }) => Promise.reject(cause))],
  ['undici 6', url => undici6.request(url)],
  ['undici 7', url => undici7.request(url)],
  ['undici 8', url => undici8.request(url)],
])('a response that is not HTTP, with %s', async (_client, get) => {
  const port = await listen(net.createServer(socket => socket.on('error', () => {}).end('what?\r\n\r\n')));

  const error = await get(`http://127.0.0.1:${port}/`).catch((thrown: unknown) => thrown);

  expect([isNetworkError(error), isReset(error)]).toEqual([true, false]);
});

// A lost network needs a firewall, so these are not caused here: an unanswered keep-alive probe, and a route that is gone.
test.each(['ETIMEDOUT', 'EHOSTUNREACH'])('%s of a read', code => {
  const error = Object.assign(new Error(`read ${code}`), { code, errno: -110, syscall: 'read' });

  expect([isNetworkError(error), isReset(error), isTimeoutError(new Error('enough'))]).toEqual([true, false, false]);
});

const ofProgram: readonly (readonly [string, (socket: Socket) => unknown])[] = [
  ['an Error', socket => socket.destroy(new Error('enough'))],
  ['a string', socket => socket.destroy('enough' as unknown as Error)],
  [
    'an AbortSignal',
    socket => {
      const abort = new AbortController();
      addAbortSignal(abort.signal, socket);
      abort.abort();
    },
  ],
  ['a pipeline to a stream that closes', socket => pipeline(socket, new PassThrough(), () => {}).destroy()],
  [
    'a pipeline to a stream that fails',
    (socket: Socket) => {
      pipeline(socket, new Writable({ write: (_chunk, _encoding, done) => done(new Error('no')) }), () => {});
    },
  ],
  ['a write after its end', socket => socket.end().write('x')],
  ['an answer of another server that broke off', socket => socket.destroy(abortedResponse())],
];

/** Node's error for a request that its client gave up: ECONNRESET, but not of a system call. */
function abortedResponse(): Error {
  return Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
}

test.each(ofProgram)('%s is not of the network', async (_what, act) => {
  const error = await errorAfter((socket, peer) => {
    peer.write('data');
    act(socket);
  });

  expect(error).not.toBeNull();
  expect([isNetworkError(error), isReset(error)]).toEqual([false, false]);
});

test.skipIf(process.platform !== 'linux')('a full disk is not of the network', async () => {
  const error = await errorAfter((socket, peer) => {
    peer.write('data');
    pipeline(socket, createWriteStream('/dev/full'), () => {});
  });

  expect(error).toMatchObject({ code: 'ENOSPC', syscall: 'write' });
  expect([isNetworkError(error), isReset(error)]).toEqual([false, false]);
});

/** A server that never answers. */
async function silentUrl(): Promise<string> {
  const silent = http.createServer();
  onTestFinished(() => silent.closeAllConnections());
  return `http://127.0.0.1:${await listen(silent)}/`;
}

test.each<[string, (url: string) => Promise<unknown>]>([
  ['fetch with AbortSignal.timeout()', url => fetch(url, { signal: AbortSignal.timeout(30) })],
  ['node:http with AbortSignal.timeout()', url => once(http.get(url, { signal: AbortSignal.timeout(30) }), 'response')],
  ['got', url => got(url, { timeout: { request: 30 }, retry: { limit: 0 } })],
  ['axios', url => axios.get(url, { timeout: 30, proxy: false })],
])('the error of %s says that a timeout expired', async (_client, get) => {
  const error = await get(await silentUrl()).catch((thrown: unknown) => thrown);

  expect([isTimeoutError(error), isNetworkError(error)]).toEqual([true, false]);
});

test.each([
  [new Error('timeout'), true],
  [new Error('Request timed out after 30 ms'), true],
  [Object.assign(new Error('x'), { code: 'ESOCKETTIMEDOUT' }), true],
  [Object.assign(new Error('x'), { code: 'ERR_SOCKET_TIMEOUT' }), true],
  [new Error('deadline'), false],
  [new Error('the mountime outlasts it'), false],
  [Object.assign(new Error('enough'), { code: 'ECONNRESET' }), false],
  ['timeout', false],
  [undefined, false],
  [null, false],
])('whether %o says that a timeout expired: %s', (error, says) => {
  expect(isTimeoutError(error)).toBe(says);
});
