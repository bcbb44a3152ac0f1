import { expect, test } from 'vitest';
import { attempt, close, connect, failure, publish, ReplaySocket, replaying } from '../support/replay.ts';

const connectParams = { hostname: 'a.test', port: '', protocol: 'http:' };
const secureParams = { hostname: 'a.test', port: '', protocol: 'https:' };
const connector = () => {};

function request(origin = 'http://a.test') {
  return { origin, completed: false, aborted: false, upgrade: null as string | null };
}

test('a second request on the same socket counts as reuse', () => {
  const { tally } = replaying();
  const first = request();
  const second = request();

  publish('undici:client:beforeConnect', { connectParams, connector });
  const socket = attempt();
  connect(socket);
  publish('undici:client:connected', { connectParams, connector, socket });
  publish('undici:client:sendHeaders', { request: first, socket });
  first.completed = true;
  publish('undici:client:sendHeaders', { request: second, socket });

  expect(tally('a.test', 80)).toEqual({
    opened: 1,
    closed: 0,
    failed: 0,
    fresh: 1,
    reused: 1,
    active: 1,
    idle: 0,
    requests: 1,
  });

  second.completed = true;

  expect(tally('a.test', 80)).toMatchObject({ active: 0, idle: 1, requests: 0 });

  close(socket);

  expect(tally('a.test', 80)).toEqual({
    opened: 1,
    closed: 1,
    failed: 0,
    fresh: 1,
    reused: 1,
    active: 0,
    idle: 0,
    requests: 0,
  });
});

test('a socket attempted in another turn than beforeConnect is not taken for its', () => {
  const { tally, endTurn } = replaying();

  publish('undici:client:beforeConnect', { connectParams, connector });
  endTurn();
  const socket = attempt();
  connect(socket, '127.0.0.9', 6379);

  expect(tally('127.0.0.9', 6379, false)).toMatchObject({ opened: 1 });
  expect(tally('a.test', 80)).toMatchObject({ opened: 0 });
});

test('a connector that takes its time is known by the socket it hands over', () => {
  const { tally, endTurn } = replaying();

  publish('undici:client:beforeConnect', { connectParams, connector });
  endTurn();
  const socket = attempt();
  endTurn();
  connect(socket, '127.0.0.9', 8080);
  publish('undici:client:connected', { connectParams, connector, socket });
  publish('undici:client:sendHeaders', { request: request(), socket });

  expect(tally('a.test', 80)).toMatchObject({ opened: 1, fresh: 1, active: 1 });
});

test('pipelined requests are all in flight until they are over', () => {
  const { tally } = replaying();
  const requests = [request(), request(), request()];

  publish('undici:client:beforeConnect', { connectParams, connector });
  const socket = attempt();
  connect(socket);
  for (const each of requests) publish('undici:client:sendHeaders', { request: each, socket });

  expect(tally('a.test', 80)).toMatchObject({ active: 1, requests: 3, fresh: 1, reused: 2 });

  for (const each of requests.slice(0, 2)) each.completed = true;

  expect(tally('a.test', 80)).toMatchObject({ active: 1, requests: 1 });
});

test('a connection that was upgraded stays active', () => {
  const { tally } = replaying();
  const upgrade = { ...request(), upgrade: 'websocket' };

  publish('undici:client:beforeConnect', { connectParams, connector });
  const socket = attempt();
  connect(socket);
  publish('undici:client:sendHeaders', { request: upgrade, socket });
  upgrade.completed = true;

  expect(tally('a.test', 80)).toMatchObject({ active: 1, idle: 0 });
});

test('a tunnel counts as one connection, to the proxy; the requests in it are to the target', () => {
  const { tally } = replaying();
  const proxyParams = { hostname: 'proxy.test', port: '3128', protocol: 'http:' };
  const connectRequest = { ...request('http://proxy.test:3128'), method: 'CONNECT' };
  const ends = { localAddress: '127.0.0.1', localPort: 50_000, remoteAddress: '127.0.0.1', remotePort: 3128 };

  publish('undici:client:beforeConnect', { connectParams: secureParams, connector });
  publish('undici:client:beforeConnect', { connectParams: proxyParams, connector });
  const inner = Object.assign(attempt(), ends);
  connect(inner, '127.0.0.1', 3128);
  publish('undici:client:connected', { connectParams: proxyParams, connector, socket: inner });
  publish('undici:client:sendHeaders', { request: connectRequest, socket: inner });
  connectRequest.completed = true;
  const outer = Object.assign(new ReplaySocket(), ends);
  publish('undici:client:connected', { connectParams: secureParams, connector, socket: outer });
  publish('undici:client:sendHeaders', { request: request('https://a.test'), socket: outer });

  expect(tally('proxy.test', 3128)).toMatchObject({ opened: 1, fresh: 1, reused: 0, active: 1, requests: 0 });
  expect(tally('a.test', 443)).toMatchObject({ opened: 0, fresh: 1, reused: 0, active: 0, requests: 1 });

  close(inner);

  expect(tally('proxy.test', 3128)).toMatchObject({ closed: 1, active: 0, idle: 0 });
  expect(tally('a.test', 443)).toMatchObject({ requests: 0, active: 0, idle: 0 });
});

test('over HTTP/2 the streams are counted, not the headers as well', () => {
  const { tally } = replaying();
  const session = { socket: undefined as ReplaySocket | undefined };
  const stream = { id: 1, session };

  publish('undici:client:beforeConnect', { connectParams: secureParams, connector });
  const socket = attempt(Object.assign(new ReplaySocket(), { encrypted: true as const, alpnProtocol: 'h2' }));
  session.socket = socket;
  connect(socket, '127.0.0.1', 443);
  socket.emit('secureConnect');
  publish('undici:client:connected', { connectParams: { ...secureParams, version: 'h2' }, connector, socket });
  publish('undici:client:sendHeaders', { request: request('https://a.test'), socket });
  publish('http2.client.stream.start', { stream });

  expect(tally('a.test', 443)).toMatchObject({ opened: 1, fresh: 1, reused: 0, active: 1, requests: 1 });
});

test('requests on a connection from before we listened count, the connection does not', () => {
  const { tally } = replaying();
  const socket = new ReplaySocket();

  publish('undici:client:sendHeaders', { request: request(), socket });
  publish('undici:client:sendHeaders', { request: request(), socket });

  expect(tally('a.test', 80)).toEqual({
    opened: 0,
    closed: 0,
    failed: 0,
    fresh: 0,
    reused: 2,
    active: 0,
    idle: 0,
    requests: 0,
  });
});

test('a refused connect is one failure of the origin that was meant', () => {
  const { tally, ledger, durations } = replaying();

  publish('undici:client:beforeConnect', { connectParams, connector });
  const socket = attempt();
  socket.emit('connectionAttempt', '127.0.0.1', 80, 4);
  socket.emit('connectionAttemptFailed', '127.0.0.1', 80, 4, failure('ECONNREFUSED'));
  close(socket, failure('ECONNREFUSED', 'connect'));

  expect(tally('a.test', 80)).toMatchObject({ opened: 0, failed: 1 });
  expect(ledger.tally({ address: 'a.test', port: 80 }, true).failure('connect', 'ECONNREFUSED').value).toBe(1);
  expect(durations).toMatchObject([
    { metric: 'connmeter.connect.duration', attributes: { 'error.type': 'ECONNREFUSED' } },
  ]);
});
