import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';
import tls from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { instrument } from '../support/instrument.ts';
import { expectServerCounts } from '../support/server-counts.ts';

const CERTIFICATE = await certificate();

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const UPGRADE = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';
const CONNECT = 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n';
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';
const CONNECTED = 'HTTP/1.1 200 OK\r\n\r\n';

type TakesOver = (socket: Socket) => unknown;

const accepts =
  (head: string): TakesOver =>
  socket => {
    socket.write(head);
    socket.on('error', () => {}).pipe(socket);
  };

describe.each(['http', 'https'] as const)('%s:', kind => {
  /** A server that hands upgrades and tunnels over to `takesOver`; without it, it has no listener for them. */
  async function listening(event?: 'upgrade' | 'connect', takesOver?: TakesOver) {
    const answer: http.RequestListener = (_request, response) => void response.end('hello');
    const server = kind === 'http' ? http.createServer(answer) : https.createServer(CERTIFICATE, answer);
    if (event !== undefined) server.on(event, (_request, socket) => takesOver?.(socket as Socket));
    const sockets = new Set<Socket>();
    server.on('connection', socket => sockets.add(socket.on('error', () => {})));
    onTestFinished(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return (server.address() as AddressInfo).port;
  }

  async function dial(port: number): Promise<Socket> {
    const socket =
      kind === 'http'
        ? net.connect({ port, host: '127.0.0.1' })
        : tls.connect({ port, host: '127.0.0.1', ca: CERTIFICATE.cert });
    onTestFinished(() => void socket.destroy());
    await once(socket.on('error', () => {}).resume(), kind === 'http' ? 'connect' : 'secureConnect');
    return socket;
  }

  async function say(socket: Socket, words: string): Promise<void> {
    const answered = once(socket, 'data');
    socket.write(words);
    await answered;
  }

  const upgraded = { accepted: 1, durations: 1, closed: { upgraded: 1 } };

  test.each<[string, 'upgrade' | 'connect', string, string, (socket: Socket, server: Socket) => unknown]>([
    ['the client ends a WebSocket', 'upgrade', UPGRADE, SWITCHING, socket => socket.end()],
    [
      'the client resets it',
      'upgrade',
      UPGRADE,
      SWITCHING,
      socket => (kind === 'http' ? socket.resetAndDestroy() : socket.destroy()),
    ],
    ['the server ends it', 'upgrade', UPGRADE, SWITCHING, (_socket, server) => server.end()],
    ['the server destroys it', 'upgrade', UPGRADE, SWITCHING, (_socket, server) => server.destroy()],
    ['it fails', 'upgrade', UPGRADE, SWITCHING, (_socket, server) => server.destroy(new Error('of the program'))],
    ['its timeout strikes', 'upgrade', UPGRADE, SWITCHING, (_socket, server) => server.emit('timeout')],
    ['the client ends a tunnel', 'connect', CONNECT, CONNECTED, socket => socket.end()],
    ['the server ends a tunnel', 'connect', CONNECT, CONNECTED, (_socket, server) => server.end()],
  ])('%s', async (_what, event, request, head, end) => {
    const { read } = instrument();
    let server: Socket | undefined;
    const port = await listening(event, socket => {
      server = socket.on('timeout', () => socket.destroy());
      accepts(head)(socket);
    });
    const socket = await dial(port);

    await say(socket, request);
    await say(socket, 'echo');
    await expectServerCounts(read, port, { accepted: 1, active: 1 });
    end(socket, server as Socket);

    await expectServerCounts(read, port, upgraded);
    expect((await read()).points('connmeter.server.connection.requests', { 'server.port': port })).toEqual([]);
  });

  test('an upgrade after requests is active again, and its connection counts with these requests', async () => {
    const { read } = instrument();
    const port = await listening('upgrade', accepts(SWITCHING));
    const socket = await dial(port);
    await say(socket, GET);
    await say(socket, GET);
    await expectServerCounts(read, port, { accepted: 1, fresh: 1, reused: 1, idle: 1 });

    await say(socket, UPGRADE);
    await expectServerCounts(read, port, { accepted: 1, fresh: 1, reused: 1, active: 1 });
    socket.end();

    await expectServerCounts(read, port, { ...upgraded, fresh: 1, reused: 1, requestsAtClose: 2 });
  });

  test.each<[string, 'upgrade' | 'connect' | undefined, string, TakesOver]>([
    ['an upgrade that the program refuses without a word', 'upgrade', UPGRADE, socket => socket.destroy()],
    ['a tunnel that the program refuses without a word', 'connect', CONNECT, socket => socket.destroy()],
    ['a tunnel that the server has no listener for', undefined, CONNECT, () => {}],
  ])('%s is not upgraded', async (_what, event, request, refuses) => {
    const { read } = instrument();
    const port = await listening(event, refuses);

    (await dial(port)).write(request);

    await expectServerCounts(read, port, {
      accepted: 1,
      durations: 1,
      closed: { server_shutdown: 1 },
    });
  });

  test('an upgrade that the client gives up before it is answered is not upgraded', async () => {
    const { read } = instrument();
    let arrived = () => {};
    const asked = new Promise<void>(resolve => {
      arrived = resolve;
    });
    const port = await listening('upgrade', socket => {
      socket
        .on('error', () => {})
        .on('end', () => socket.destroy())
        .resume();
      arrived();
    });
    const socket = await dial(port);

    socket.write(UPGRADE);
    await asked;
    await expectServerCounts(read, port, { accepted: 1, active: 1 });
    socket.end();

    await expectServerCounts(read, port, { accepted: 1, durations: 1, closed: { client_aborted: 1 } });
  });

  test('an upgrade request is an ordinary request to a server without a listener for upgrades', async () => {
    const { read } = instrument();
    const port = await listening();
    const socket = await dial(port);

    await say(socket, UPGRADE);
    socket.end();

    await expectServerCounts(read, port, {
      accepted: 1,
      fresh: 1,
      durations: 1,
      requestsAtClose: 1,
      closed: { client_closed_idle: 1 },
    });
  });
});
