import { EventEmitter } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { subscribeAll } from '../../src/core/channels.ts';
import type { Guard } from '../../src/core/guard.ts';
import { MetricRegistry } from '../../src/metrics/registry.ts';
import { Servers } from '../../src/server/servers.ts';
import { serverSource } from '../../src/server/source.ts';
import { type Duration, publish, ReplaySocket } from '../support/replay.ts';

/** A fake server with an address, identified by its properties. */
class ReplayServer extends EventEmitter {
  headersTimeout: number | undefined = 60_000;
  addContext: (() => void) | undefined;
  updateSettings: (() => void) | undefined;
  bound: { address: string; port: number } | null = { address: '::', port: 80 };
  address = () => this.bound;
}

class AcceptedSocket extends ReplaySocket {
  server: ReplayServer;
  constructor(server: ReplayServer, remotePort = 1024) {
    super();
    this.server = server;
    this.remoteAddress = '127.0.0.1';
    this.remotePort = remotePort;
    this.localAddress = '127.0.0.1';
    this.localPort = server.bound?.port;
  }
}

const failLoudly: Guard = (_where, run) =>
  function (...args) {
    run.apply(this, args);
  };

/** The modules wired as in production, with a clock that the test controls. */
function replaying({ limit = 100 } = {}) {
  const durations: Duration[] = [];
  const registry = new MetricRegistry(limit);
  const clock = { now: 0 };
  const nextLoop: (() => void)[] = [];
  const servers = new Servers({
    registry,
    record: (metric, seconds, attributes) => void durations.push({ metric, seconds, attributes }),
    now: () => clock.now,
    guard: failLoudly,
    inNextLoop: run => void nextLoop.push(run),
  });
  const endRound = () => {
    for (const run of nextLoop.splice(0)) run();
  };
  onTestFinished(subscribeAll(failLoudly, serverSource(servers, failLoudly)));
  const of = (address: string, port: number, http = true) => {
    servers.refreshGauges();
    const tally = registry.listenerCounts({ address, port }, http);
    return {
      accepted: tally.accepted.value,
      refused: tally.refused.value,
      fresh: tally.requests.fresh.value,
      reused: tally.requests.reused.value,
      open: tally.allOpen.reduce((sum, { value }) => sum + value, 0),
      closed: Object.fromEntries(
        tally.allClosed
          .filter(({ value }) => value > 0)
          .map(({ attributes, value }) => [String(attributes['connmeter.close.reason']), value]),
      ),
    };
  };
  return { servers, registry, clock, durations, of, endRound };
}

function accept(server: ReplayServer, remotePort?: number): AcceptedSocket {
  const socket = new AcceptedSocket(server, remotePort);
  publish('net.server.socket', { socket });
  return socket;
}

function close(socket: ReplaySocket): void {
  socket.closed = true;
  socket.emit('close');
}

test('the duration of a connection is the time from accept to close', () => {
  const { clock, durations, of } = replaying();
  const server = new ReplayServer();
  clock.now = 1;
  const socket = accept(server);
  const exchange = {
    request: { headers: {}, rawHeaders: [], httpVersion: '1.1' },
    response: { shouldKeepAlive: true },
    socket,
    server,
  };

  publish('http.server.request.start', exchange);
  publish('http.server.response.finish', exchange);
  publish('http.server.request.start', exchange);
  publish('http.server.response.finish', exchange);
  socket.emit('end');
  clock.now = 5;
  close(socket);

  expect(of('::', 80)).toEqual({
    accepted: 1,
    refused: 0,
    fresh: 1,
    reused: 1,
    open: 0,
    closed: { client_closed_idle: 1 },
  });
  const attributes = { 'server.address': '::', 'server.port': 80, 'network.protocol.name': 'http' };
  expect(durations).toEqual([
    { metric: 'connmeter.server.connection.requests', seconds: 2, attributes },
    { metric: 'connmeter.server.connection.duration', seconds: 4, attributes },
    {
      metric: 'connmeter.server.connection.idle_time',
      seconds: 4,
      attributes: { ...attributes, 'connmeter.idle.end': 'client', 'connmeter.client.proxied': false },
    },
  ]);
});

test('a socket that is passed to another process is closed here for an unknown reason', () => {
  const { of } = replaying();
  const socket = accept(new ReplayServer());
  expect(of('::', 80)).toMatchObject({ open: 1 });

  socket.pending = true; // it has lost its handle, and will emit no more events

  expect(of('::', 80)).toMatchObject({ open: 0, closed: { unknown: 1 } });
});

test('a close without an event is noticed at the next collection', () => {
  const { of } = replaying();
  const socket = accept(new ReplayServer());
  socket.removeAllListeners();

  close(socket);

  expect(of('::', 80)).toMatchObject({ accepted: 1, open: 0, closed: { server_shutdown: 1 } });
});

test('closes without an event are noticed when others are accepted', () => {
  const { servers } = replaying();
  const server = new ReplayServer();
  for (let i = 0; i < 10; i++) accept(server);

  const live = Array.from({ length: 100 }, () => {
    const socket = accept(server);
    socket.removeAllListeners();
    close(socket);
    return servers.liveCount;
  });

  expect(Math.max(...live)).toBeLessThan(30);
});

test('requests that come over a socket of another process are counted, and no connection is', () => {
  const { of } = replaying();
  const server = new ReplayServer();
  const socket = new AcceptedSocket(server);
  const exchange = { request: { rawHeaders: [] }, response: { shouldKeepAlive: true }, socket, server };

  for (let i = 0; i < 3; i++) {
    publish('http.server.request.start', exchange);
    publish('http.server.response.finish', exchange);
  }

  expect(of('::', 80)).toMatchObject({ accepted: 0, fresh: 1, reused: 2, open: 0, closed: {} });
});

test('a server gets one listener, however often it listens and whatever it accepts', () => {
  const { of } = replaying();
  const server = new ReplayServer();

  for (let i = 0; i < 3; i++) publish('tracing:net.server.listen:asyncEnd', { server });
  accept(server);
  accept(server);

  expect(server.listenerCount('drop')).toBe(1);
  expect(server.getMaxListeners()).toBe(EventEmitter.defaultMaxListeners); // as without connmeter
  server.emit('drop');
  expect(of('::', 80)).toMatchObject({ accepted: 2, refused: 1 });
});

test('a server that does not listen itself gets one listener, too', () => {
  const { of } = replaying();
  const server = Object.assign(new ReplayServer(), { bound: null });

  for (let i = 0; i < 3; i++) accept(server);

  expect(server.listenerCount('drop')).toBe(1);
  expect(of('127.0.0.1', undefined as never)).toMatchObject({ accepted: 3 });
});

test('an excluded server is not counted and gets no listener', () => {
  const { servers, registry } = replaying();
  const server = new ReplayServer();
  servers.ignore(server);

  publish('tracing:net.server.listen:asyncEnd', { server });
  const socket = accept(server);
  publish('http.server.request.start', { request: { rawHeaders: [] }, response: {}, socket, server });

  expect(registry.allListenerCounts).toEqual([]);
  expect([server.eventNames(), socket.eventNames()]).toEqual([[], []]);
});

test('listening addresses are bounded: later ones share _OTHER, and none is lost', () => {
  const { registry, servers } = replaying({ limit: 3 });

  for (let port = 1; port <= 10; port++) accept(Object.assign(new ReplayServer(), { bound: { address: '::', port } }));

  servers.refreshGauges();
  expect(registry.allListenerCounts.map(({ attributes }) => attributes['server.address'])).toEqual([
    '::',
    '::',
    '::',
    '_OTHER',
  ]);
  expect(registry.allListenerCounts.reduce((sum, { accepted }) => sum + accepted.value, 0)).toBe(10);
});

test('two parallel handshakes are matched to their connections, also if one fails', () => {
  const { of, durations } = replaying();
  const server = Object.assign(new ReplayServer(), { addContext: () => {} });
  const [one, other] = [accept(server, 1), accept(server, 2)];
  const [secureOne, secureOther] = [new AcceptedSocket(server, 1), new AcceptedSocket(server, 2)];

  server.emit('tlsClientError', Object.assign(new Error(), { code: 'ERR_SSL_NO_SHARED_CIPHER' }), secureOne);
  server.emit('secureConnection', secureOther);
  close(one);
  close(other);

  expect(of('::', 80)).toMatchObject({ accepted: 2, open: 1, closed: { tls_failed: 1 } });
  expect(
    durations
      .filter(({ metric }) => metric === 'connmeter.server.tls.handshake.duration')
      .map(({ attributes }) => [attributes['tls.protocol.version'], attributes['error.type']]),
  ).toEqual([
    ['1.3', undefined],
    [undefined, 'ERR_SSL_NO_SHARED_CIPHER'],
  ]);
  secureOther.emit('timeout');
  close(secureOther);
  expect(of('::', 80)).toMatchObject({ open: 0, closed: { tls_failed: 1, never_used: 1 } });
});

describe('a TLS client that is gone before the result of its handshake,', () => {
  const secure = () => Object.assign(new ReplayServer(), { addContext: () => {} });
  /** The TLS socket of a connection that was reset. */
  const gone = (server: ReplayServer) =>
    Object.assign(new AcceptedSocket(server), { remoteAddress: undefined, remotePort: undefined });
  const refusal = Object.assign(new Error(), { code: 'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED' });
  const errorsOf = (durations: readonly Duration[]) =>
    durations
      .filter(({ metric }) => metric === 'connmeter.server.tls.handshake.duration')
      .map(({ attributes }) => attributes['error.type']);

  test('is closed with the error that Node reports after the close', () => {
    const { of, durations, endRound, clock } = replaying();
    const server = secure();
    const socket = accept(server);

    clock.now = 2;
    close(socket);
    clock.now = 9;
    server.emit('tlsClientError', refusal, gone(server));
    endRound();

    expect(of('::', 80)).toMatchObject({ open: 0, closed: { tls_failed: 1 } });
    expect(errorsOf(durations)).toEqual(['ERR_SSL_SSL_TLS_ALERT_CERTIFICATE_EXPIRED']);
    expect(durations.map(({ seconds }) => seconds)).toEqual([0, 2, 2]);
  });

  test('is closed with the error that Node reports before the close', () => {
    const { of, durations } = replaying();
    const server = secure();
    const socket = accept(server);

    server.emit('tlsClientError', refusal, gone(server));
    expect(of('::', 80)).toMatchObject({ open: 1, closed: {} });
    close(socket);

    expect(of('::', 80)).toMatchObject({ open: 0, closed: { tls_failed: 1 } });
    expect(errorsOf(durations)).toEqual(['ERR_SSL_SSL_TLS_ALERT_CERTIFICATE_EXPIRED']);
  });

  test('waits for the error one round of the event loop, and not longer', () => {
    const { of, durations, endRound } = replaying();
    const server = secure();
    const socket = accept(server);

    close(socket);
    expect(of('::', 80)).toMatchObject({ open: 1, closed: {} });
    endRound();
    server.emit('tlsClientError', refusal, gone(server));

    expect(of('::', 80)).toMatchObject({ open: 0, closed: { tls_failed: 1 } });
    expect(errorsOf(durations)).toEqual(['ECONNRESET']);
  });

  test('left by itself if its handshake was done', () => {
    const { of, durations, endRound } = replaying();
    const server = secure();
    const [socket, tlsSocket] = [accept(server), gone(server)];

    server.emit('secureConnection', tlsSocket);
    tlsSocket.emit('end');
    close(socket);
    endRound();
    expect(of('::', 80)).toMatchObject({ open: 1, closed: {} });
    close(tlsSocket);

    expect(of('::', 80)).toMatchObject({ open: 0, closed: { client_closed_idle: 1 } });
    expect(errorsOf(durations)).toEqual([undefined]);
  });

  test('the same if its TLS socket is closed first', () => {
    const { of, durations, endRound } = replaying();
    const server = secure();
    const [socket, tlsSocket] = [accept(server), gone(server)];

    server.emit('secureConnection', tlsSocket);
    close(tlsSocket);
    close(socket);
    endRound();

    expect(of('::', 80)).toMatchObject({ open: 0, closed: { client_closed_idle: 1 } });
    expect(errorsOf(durations)).toEqual([undefined]);
  });

  test('has no effect on a connection that is still open', () => {
    const { of, endRound } = replaying();
    const server = secure();
    accept(server, 1);
    const leaving = accept(server, 2);

    close(leaving);
    server.emit('tlsClientError', refusal, gone(server));
    endRound();

    expect(of('::', 80)).toMatchObject({ accepted: 2, open: 1, closed: { tls_failed: 1 } });
  });
});

test('a response object that throws does not leave its request active', () => {
  const { servers, of } = replaying();
  const server = Object.assign(new ReplayServer(), { keepAliveTimeout: 5_000 });
  const socket = accept(server);
  const request = { headers: {}, rawHeaders: [], httpVersion: '1.1' };
  const response = {
    shouldKeepAlive: true,
    hasHeader() {
      throw new Error('not mine');
    },
  };
  const finished = serverSource(servers, failLoudly)['http.server.response.finish'];

  publish('http.server.request.start', { request, response, socket, server });
  expect(() => finished?.({ request, response, socket, server } as never)).toThrow('not mine');
  socket.emit('end');
  close(socket);

  expect(of('::', 80).closed).toEqual({ client_closed_idle: 1 });
});

test('a timeout that the program ignored is forgotten at the next request', () => {
  const { of } = replaying();
  const server = new ReplayServer();
  const socket = accept(server);
  const exchange = {
    request: { headers: {}, rawHeaders: [], httpVersion: '1.1' },
    response: { shouldKeepAlive: true },
    socket,
    server,
  };
  socket.emit('timeout');

  publish('http.server.request.start', exchange);
  publish('http.server.response.finish', exchange);
  socket.emit('end');
  close(socket);

  expect(of('::', 80).closed).toEqual({ client_closed_idle: 1 });
});

test('pushed streams are not requests', () => {
  const { of } = replaying();
  const server = Object.assign(new ReplayServer(), { updateSettings: () => {} });
  const session = Object.assign(new EventEmitter(), { socket: accept(server), destroyed: false });

  publish('http2.server.stream.start', { stream: { id: 1, session } });
  publish('http2.server.stream.start', { stream: { id: 2, session } });
  publish('http2.server.stream.close', { stream: { id: 2, session } });
  publish('http2.server.stream.close', { stream: { id: 1, session } });

  expect(of('::', 80)).toMatchObject({ accepted: 1, fresh: 1, reused: 0 });
});

test('a request is still active on a connection that is cut, although Node 22 reports its response as finished', () => {
  const { of } = replaying();
  const server = new ReplayServer();
  const socket = accept(server);
  const exchange = {
    request: { headers: {}, rawHeaders: [], httpVersion: '1.1' },
    response: { shouldKeepAlive: true },
    socket,
    server,
  };

  publish('http.server.request.start', exchange);
  socket.errored = Object.assign(new Error(), { code: 'ECONNRESET' });
  socket.destroyed = true;
  publish('http.server.response.finish', exchange);
  close(socket);

  expect(of('::', 80).closed).toEqual({ client_aborted: 1 });
});

test('a stream that started before connmeter does not make an idle session look cut', () => {
  const { of } = replaying();
  const server = Object.assign(new ReplayServer(), { updateSettings: () => {} });
  const socket = accept(server);
  const session = Object.assign(new EventEmitter(), { socket, destroyed: false });
  publish('http2.server.stream.start', { stream: { id: 3, session } });
  publish('http2.server.stream.close', { stream: { id: 3, session } });

  socket.emit('end');
  session.destroyed = true;
  publish('http2.server.stream.close', { stream: { id: 1, session } });
  close(socket);

  expect(of('::', 80).closed).toEqual({ client_closed_idle: 1 });
});
