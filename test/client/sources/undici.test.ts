import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { CloseReason } from '../../../src/core/reasons.ts';
import {
  attempt,
  close,
  connect,
  failure,
  publish,
  type Replay,
  ReplaySocket,
  replaying,
} from '../../support/replay.ts';

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

test('a socket attempted in another turn is not assigned to an earlier beforeConnect', () => {
  const { tally, endTurn } = replaying();

  publish('undici:client:beforeConnect', { connectParams, connector });
  endTurn();
  const socket = attempt();
  connect(socket, '127.0.0.9', 6379);

  expect(tally('127.0.0.9', 6379, false)).toMatchObject({ opened: 1 });
  expect(tally('a.test', 80)).toMatchObject({ opened: 0 });
});

test('the socket of an asynchronous connector is recognised when it is handed over', () => {
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

test('pipelined requests are all active until they finish', () => {
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

test('an upgraded connection stays active', () => {
  const { tally } = replaying();
  const upgrade = { ...request(), upgrade: 'websocket' };

  publish('undici:client:beforeConnect', { connectParams, connector });
  const socket = attempt();
  connect(socket);
  publish('undici:client:sendHeaders', { request: upgrade, socket });
  upgrade.completed = true;

  expect(tally('a.test', 80)).toMatchObject({ active: 1, idle: 0 });
});

test('a tunnel is one connection to the proxy, and its requests count at the target', () => {
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
  publish('undici:request:trailers', { request: connectRequest, trailers: [] });
  const outer = Object.assign(new ReplaySocket(), ends);
  publish('undici:client:connected', { connectParams: secureParams, connector, socket: outer });
  publish('undici:client:sendHeaders', { request: request('https://a.test'), socket: outer });

  expect(tally('proxy.test', 3128)).toMatchObject({ opened: 1, fresh: 1, reused: 0, active: 1, requests: 0 });
  expect(tally('a.test', 443)).toMatchObject({ opened: 0, fresh: 1, reused: 0, active: 0, requests: 1 });

  close(inner);

  expect(tally('proxy.test', 3128)).toMatchObject({ closed: 1, active: 0, idle: 0 });
  expect(tally('a.test', 443)).toMatchObject({ requests: 0, active: 0, idle: 0 });
});

test('TLS in one of two tunnels with the same ports is assigned by the address of the proxy', () => {
  const { tally } = replaying();
  const [other, ours] = ['127.0.0.2', '127.0.0.1'].map(remoteAddress => {
    const ends = { localAddress: '127.0.0.9', localPort: 50_000, remoteAddress, remotePort: 3128 };
    const params = { hostname: remoteAddress, port: '3128', protocol: 'http:' };
    publish('undici:client:beforeConnect', { connectParams: params, connector });
    const socket = Object.assign(attempt(), ends);
    connect(socket, remoteAddress, 3128);
    publish('undici:client:connected', { connectParams: params, connector, socket });
    const connectRequest = { ...request(`http://${remoteAddress}:3128`), method: 'CONNECT' };
    publish('undici:client:sendHeaders', { request: connectRequest, socket });
    connectRequest.completed = true;
    publish('undici:request:trailers', { request: connectRequest, trailers: [] });
    return { socket, ends };
  });

  const outer = Object.assign(new ReplaySocket(), ours?.ends);
  publish('undici:client:connected', { connectParams: secureParams, connector, socket: outer });
  publish('undici:client:sendHeaders', { request: request('https://a.test'), socket: outer });
  if (other !== undefined) close(other.socket);

  expect(tally('a.test', 443)).toMatchObject({ requests: 1 });
});

test('over HTTP/2 only the streams are counted, not the sendHeaders messages', () => {
  const { tally } = replaying();
  const session = Object.assign(new EventEmitter(), { socket: undefined as ReplaySocket | undefined });
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

test('requests on a connection that is older than connmeter count, and the connection does not', () => {
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

test('a refused connect is one failure at its origin', () => {
  const { tally, registry, durations } = replaying();

  publish('undici:client:beforeConnect', { connectParams, connector });
  const socket = attempt();
  socket.emit('lookup', null, '127.0.0.1', 4, 'a.test');
  socket.emit('connectionAttempt', '127.0.0.1', 80, 4);
  socket.emit('connectionAttemptFailed', '127.0.0.1', 80, 4, failure('ECONNREFUSED'));
  close(socket, failure('ECONNREFUSED', 'connect'));

  expect(tally('a.test', 80)).toMatchObject({ opened: 0, failed: 1 });
  expect(registry.originCounts({ address: 'a.test', port: 80 }, true).failure('connect', 'ECONNREFUSED').value).toBe(1);
  expect(durations.filter(({ metric }) => metric !== 'dns.lookup.duration')).toEqual([]); // counted as a failure, without a duration
});

/** A response as undici publishes it: raw headers, alternating names and values. */
function answer(...headers: string[]) {
  return { statusCode: 200, headers: headers.map(header => Buffer.from(header)) };
}

const gone = () => Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });

test.each<[CloseReason, string[]]>([
  ['server_idle_close', []],
  ['server_idle_close', ['Content-Length', '5']],
  ['server_idle_close', ['Connection', 'keep-alive', 'Keep-Alive', 'timeout=5']],
  ['server_idle_close', ['Keep-Alive', 'timeout=5, max=100']],
  ['server_idle_close', ['Keep-Alive', 'timeout=30']],
  ['server_idle_close', ['Keep-Alive', 'timeout=3']],
  ['server_idle_close', ['Keep-Alive', 'for ever']],
  ['server_idle_close', ['Keep-Alive', '']],
  ['server_idle_close', ['Connection', '']],
  ['server_idle_close', ['Set-Cookie', 'close', 'X-Anything', 'close']],
  ['server_idle_close', ['Connection']],
  ['server_close_header', ['Connection', 'close']],
  ['server_close_header', ['connection', 'close']],
  ['server_close_header', ['CONNECTION', 'Close']],
  ['server_close_header', ['Date', 'today', 'Connection', 'close', 'Content-Length', '5']],
  ['server_close_header', ['Keep-Alive', 'timeout=1', 'Connection', 'close']],
  ['keep_alive_hint_too_short', ['Keep-Alive', 'timeout=2']],
  ['keep_alive_hint_too_short', ['keep-alive', 'timeout=0']],
  ['keep_alive_hint_too_short', ['KEEP-ALIVE', 'TIMEOUT=1']],
  ['keep_alive_hint_too_short', ['Keep-Alive', 'timeout=2, max=100', 'Connection', 'keep-alive']],
  ['keep_alive_hint_too_short', ['Keep-Alive', 'max=100, timeout=1']],
])('%s where the answer says %j and the server closes', (reason, headers) => {
  const replay = replaying();
  const only = { ...request(), method: 'GET' };

  publish('undici:client:beforeConnect', { connectParams, connector });
  const socket = attempt();
  connect(socket);
  publish('undici:client:sendHeaders', { request: only, headers: 'GET / HTTP/1.1\r\n', socket });
  publish('undici:request:headers', { request: only, response: answer(...headers) });
  only.completed = true;
  close(socket, gone());

  expect(replay.closedFor('a.test', 80)).toEqual({ [reason]: 1 });
});

test.each<[CloseReason, number]>([
  ['upgraded', 101],
  ['keep_alive_off', 200],
])(
  '%s where a request for an upgrade, and for the end of the connection, is answered with %i',
  (reason, statusCode) => {
    const replay = replaying();
    const only = { ...request(), method: 'GET', upgrade: 'websocket', reset: true };

    publish('undici:client:beforeConnect', { connectParams, connector });
    const socket = attempt();
    connect(socket);
    publish('undici:client:sendHeaders', { request: only, headers: 'GET / HTTP/1.1\r\n', socket });
    publish('undici:request:headers', { request: only, response: { statusCode, headers: [] } });
    Object.assign(only, { completed: true });
    publish('undici:request:trailers', { request: only, trailers: [] });
    Object.assign(socket, { bytesRead: 1 });
    close(socket, gone());

    expect(replay.closedFor('a.test', 80)).toEqual({ [reason]: 1 });
  },
);

test('the keep-alive signals of a response are forgotten at the next request', () => {
  const replay = replaying();
  const requests = [1, 2].map(() => ({ ...request(), method: 'GET' }));

  publish('undici:client:beforeConnect', { connectParams, connector });
  const socket = attempt();
  connect(socket);
  for (const each of requests) {
    publish('undici:client:sendHeaders', { request: each, headers: 'GET / HTTP/1.1\r\n', socket });
    const says = each === requests[0] ? answer('Connection', 'close') : answer();
    publish('undici:request:headers', { request: each, response: says });
    each.completed = true;
  }
  close(socket, gone());

  expect(replay.closedFor('a.test', 80)).toEqual({ server_idle_close: 1 });
});

test.each<[CloseReason, number, string]>([
  ['keep_alive_off', 1, 'connection: close'],
  ['max_requests', 2, 'connection: close'],
  ['server_close_header', 2, 'x-connection: close'],
  ['server_close_header', 2, 'connection: keep-alive'],
])('%s where undici resets after %i with "%s"', (reason, count, header) => {
  const replay = replaying();

  publish('undici:client:beforeConnect', { connectParams, connector });
  const socket = attempt();
  connect(socket);
  for (let i = 1; i <= count; i++) {
    const each = { ...request(), method: 'GET' };
    const headers = `GET / HTTP/1.1\r\nhost: a.test\r\n${i === count ? header : 'connection: keep-alive'}\r\n`;
    publish('undici:client:sendHeaders', { request: each, headers, socket });
    each.completed = true;
  }
  close(socket, Object.assign(new Error('reset'), { code: 'UND_ERR_INFO' }));

  expect(replay.closedFor('a.test', 80)).toEqual({ [reason]: 1 });
});

/** A connection with a request on it. */
function asking(over = {}) {
  const asked = { ...request(), method: 'GET', ...over };
  const { hostname } = new URL(asked.origin);
  publish('undici:client:beforeConnect', { connectParams: { ...connectParams, hostname }, connector });
  const socket = attempt();
  connect(socket);
  publish('undici:client:sendHeaders', { request: asked, headers: 'GET / HTTP/1.1\r\n', socket });
  return { asked, socket };
}

test.each<[string, CloseReason, string]>([
  ['trailers', 'server_idle_close', ''],
  ['trailers', 'server_idle_close', 'Keep-Alive: timeout=5'],
  ['trailers', 'server_close_header', 'Connection: close'],
  ['trailers', 'keep_alive_hint_too_short', 'Keep-Alive: timeout=1'],
  ['error', 'server_closed_active', ''],
])('after %s the request is over: %s after "%s"', (end, reason, header) => {
  const replay = replaying();
  const { asked, socket } = asking();

  publish('undici:request:headers', { request: asked, response: answer(...header.split(': ')) });
  asked.completed = end === 'trailers';
  publish(`undici:request:${end}`, { request: asked, ...(end === 'error' ? { error: gone() } : {}) });
  Object.assign(asked, { completed: false, aborted: false, method: 'HEAD' }); // nobody looks at it any more

  expect(replay.tally('a.test', 80)).toMatchObject({ active: 0, idle: 1, requests: 0 });
  close(socket, gone());
  expect(replay.closedFor('a.test', 80)).toEqual({ [reason]: 1 });
});

test('the end of one pipelined request leaves the others on the connection', () => {
  const { tally } = replaying();
  const { asked, socket } = asking();
  const others = [1, 2].map(() => ({ ...request(), method: 'GET' }));
  for (const each of others) publish('undici:client:sendHeaders', { request: each, headers: '', socket });
  expect(tally('a.test', 80)).toMatchObject({ requests: 3 });

  const left = [asked, ...others].map(each => {
    publish('undici:request:trailers', { request: each });
    return tally('a.test', 80)['requests'];
  });

  expect(left).toEqual([2, 1, 0]);
});

test('what the headers of the last request said is known at the close, though others finished since', () => {
  const replay = replaying();
  const { asked, socket } = asking();
  asked.completed = true;
  publish('undici:request:trailers', { request: asked });
  const last = { ...request(), method: 'GET', completed: true };
  publish('undici:client:sendHeaders', { request: last, headers: 'GET /\r\nconnection: close\r\n', socket });
  publish('undici:request:trailers', { request: last });
  socket.destroyed = true; // undici does that at once

  for (let i = 0; i < 3; i++) {
    const other = asking({ completed: true, origin: 'http://b.test' });
    publish('undici:request:trailers', { request: other.asked });
  }
  close(socket, Object.assign(new Error('reset'), { code: 'UND_ERR_INFO' }));

  expect(replay.closedFor('a.test', 80)).toEqual({ max_requests: 1 });
});

test.each<[CloseReason, object]>([
  ['upgraded', { upgrade: 'websocket' }],
  ['client_shutdown', { method: 'CONNECT' }],
])('%s where nothing tells of the end of %j', (reason, over) => {
  const replay = replaying();
  const { socket } = asking(over);
  socket.bytesRead += 100;

  expect(replay.tally('a.test', 80)).toMatchObject({ active: 1, idle: 0, requests: 1 });
  close(socket, Object.assign(new Error(), { code: 'UND_ERR_DESTROYED' }));
  expect(replay.closedFor('a.test', 80)).toEqual({ [reason]: 1 });
});

test('a CONNECT that fails is given up', () => {
  const replay = replaying();
  const { asked, socket } = asking({ method: 'CONNECT' });

  publish('undici:request:error', { request: asked });
  close(socket);

  expect(replay.closedFor('a.test', 80)).toEqual({ request_aborted: 1 });
});

test('requests that are open when we stop listening count as over', () => {
  const replay = replaying();
  const { asked, socket } = asking();
  replay.stop();
  replay.connections.pause();
  Object.assign(asked, { aborted: true });

  expect(replay.tally('a.test', 80)).toMatchObject({ active: 0, idle: 1, requests: 0 });
  close(socket, gone());
  expect(replay.closedFor('a.test', 80)).toEqual({ server_idle_close: 1 });
});

/** What the socket shows when undici has filled its buffer with an unread body, and stopped reading. */
const UNREAD = { bytesRead: 200_000, readableLength: 70_000 };
/** The same for a body that has arrived completely. Its headers have 43 bytes. */
const ARRIVED = { bytesRead: 100_043, readableLength: 0 };
const LENGTH = ['Content-Length', '100000'];

/** A request on a new connection, and a function that reads `connmeter.body.held`. */
function holding({ version = '1.1', headers = [] as string[] } = {}) {
  const replay = replaying();
  const sent = { ...request(), method: 'GET' };
  publish('undici:client:beforeConnect', { connectParams, connector });
  const socket = attempt();
  connect(socket);
  if (version === '2') {
    const session = Object.assign(new EventEmitter(), { socket });
    publish('http2.client.stream.start', { stream: { id: 1, session } });
  } else {
    publish('undici:client:sendHeaders', { request: sent, headers: '', socket });
    const response = { statusCode: 200, statusText: 'OK', headers: headers.map(text => Buffer.from(text)) };
    publish('undici:request:headers', { request: sent, response });
  }
  return {
    sent,
    socket,
    replay,
    heldAt(now: number): number {
      replay.now = now;
      replay.connections.refreshGauges();
      return replay.unread.originCounts({ address: 'a.test', port: 80 }, true).held.value;
    },
  };
}

test.each<[string, number, object, Parameters<typeof holding>[0]]>([
  ['is held when undici has filled its buffer, and data waits', 1, UNREAD, {}],
  ['is held when all has arrived, and undici has not published the end', 1, ARRIVED, { headers: LENGTH }],
  ['is not held when the last byte is missing', 0, { ...ARRIVED, bytesRead: 100_042 }, { headers: LENGTH }],
  ['is not held when nothing waits, and the length is not known', 0, ARRIVED, {}],
  ['is not held before the buffer is full', 0, { bytesRead: 65_636, readableLength: 101 }, {}],
  ['is not held when more than the buffer was taken', 0, { bytesRead: 250_000, readableLength: 70_000 }, {}],
  ['is not held before the response', 0, { bytesRead: 0, readableLength: 0 }, {}],
  ['is not held by a stream, which stops no other', 0, UNREAD, { version: '2' }],
])('a connection %s', (_what, held, seen, options) => {
  const { socket, heldAt } = holding(options);
  Object.assign(socket, seen);

  expect([heldAt(0), heldAt(0.49), heldAt(0.5)]).toEqual([0, 0, held]);
});

test('a connection is not held when its request is over', () => {
  const { sent, socket, heldAt } = holding();
  Object.assign(socket, UNREAD);
  const seen = [heldAt(0), heldAt(0.5)];
  sent.completed = true;

  expect([...seen, heldAt(1)]).toEqual([0, 1, 0]);
});

test('a large response whose headers are otherwise usual closes as usual', () => {
  const { sent, socket, replay } = holding({ headers: LENGTH });
  sent.completed = true;
  publish('undici:request:trailers', { request: sent });
  close(socket, gone());

  expect(replay.closedFor('a.test', 80)).toEqual({ server_idle_close: 1 });
});

test('reading between two collections restarts the half second', () => {
  const { socket, heldAt } = holding();
  Object.assign(socket, UNREAD);
  const first = [heldAt(0), heldAt(0.4)];
  Object.assign(socket, { bytesRead: 205_000, readableLength: 70_000 });

  expect([...first, heldAt(0.6), heldAt(1), heldAt(1.1)]).toEqual([0, 0, 0, 0, 1]);
});

test('data that arrives later, and that nobody reads, does not restart it', () => {
  const { socket, heldAt } = holding();
  Object.assign(socket, { bytesRead: 130_001, readableLength: 1 });
  const first = heldAt(0);
  Object.assign(socket, UNREAD);

  expect([first, heldAt(0.5)]).toEqual([0, 1]);
});

describe('older versions of undici, which publish no answer to CONNECT', () => {
  const proxyParams = { hostname: 'proxy.test', port: '3128', protocol: 'http:' };

  /** A connection to the proxy, on which CONNECT was sent. The proxy has answered. */
  function asked() {
    const connectRequest = { ...request('http://proxy.test:3128'), method: 'CONNECT' };
    publish('undici:client:beforeConnect', { connectParams: proxyParams, connector });
    const socket = attempt();
    connect(socket, '127.0.0.9', 3128);
    publish('undici:client:connected', { connectParams: proxyParams, connector, socket });
    publish('undici:client:sendHeaders', { request: connectRequest, socket, headers: '' });
    socket.bytesRead = 40;
    return socket;
  }

  function failuresIn({ registry }: Replay) {
    const { failures } = registry.originCounts({ address: 'proxy.test', port: 3128 }, true);
    const seen = failures.filter(({ value }) => value > 0);
    return seen.map(({ attributes, value }) => `${attributes['connmeter.phase']} ${attributes['error.type']} ${value}`);
  }

  function refuse(socket: ReplaySocket, status: number) {
    socket.destroyed = true;
    const error = new Error(`Proxy response (${status}) !== 200 when HTTP Tunneling`);
    publish('undici:client:connectError', { connectParams, connector, error });
  }

  test('the error of the ProxyAgent says that the proxy refused', () => {
    const replay = replaying();
    const { closedFor, endTurn } = replay;
    const waiting = asked();
    endTurn();
    const refused = asked();
    endTurn();

    refuse(refused, 407);
    close(refused);

    expect(failuresIn(replay)).toEqual(['proxy 407 1']);
    expect(closedFor('proxy.test', 3128)).toEqual({ proxy_refused: 1 });

    publish('undici:client:connected', { connectParams, connector, socket: waiting });
    close(waiting);

    expect(failuresIn(replay)).toEqual(['proxy 407 1']);
  });

  test('any other error is not the proxy', () => {
    const replay = replaying();
    const { closedFor } = replay;
    const socket = asked();

    socket.destroyed = true;
    publish('undici:client:connectError', { connectParams, connector, error: new Error('certificate has expired') });
    close(socket);

    expect(failuresIn(replay)).toEqual([]);
    expect(closedFor('proxy.test', 3128)).toEqual({ unknown: 1 });
  });

  test('the tunnel is idle once its target is connected', () => {
    const { tally } = replaying();
    const socket = asked();

    expect(tally('proxy.test', 3128)).toMatchObject({ active: 1, idle: 0 });

    publish('undici:proxy:connected', { socket });
    publish('undici:client:connected', { connectParams, connector, socket });

    expect(tally('proxy.test', 3128)).toMatchObject({ active: 0, idle: 1 });
  });

  test('a tunnel that nobody uses', () => {
    const { closedFor } = replaying();
    const socket = asked();

    publish('undici:proxy:connected', { socket });
    close(socket);

    expect(closedFor('proxy.test', 3128)).toEqual({ upgraded: 1 });
  });
});
