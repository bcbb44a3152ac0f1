import { expect, test } from 'vitest';
import type { CloseReason } from '../../../src/core/reasons.ts';
import { attempt, close, connect, publish, type ReplaySocket, replaying } from '../../support/replay.ts';

function request({ host = 'a.test:8080', reusedSocket = false, upgrade = undefined as string | undefined } = {}) {
  return {
    host: 'a.test',
    protocol: 'http:',
    method: 'GET',
    reusedSocket,
    destroyed: false,
    socket: null as ReplaySocket | null,
    getHeader: (name: string) => ({ host, upgrade })[name],
  };
}

test('a request that starts before its socket connects counts when the connection opens', () => {
  const { tally, endTurn } = replaying();
  const first = request();

  const socket = attempt();
  publish('http.client.request.created', { request: first });
  endTurn();
  first.socket = socket;
  publish('http.client.request.start', { request: first });

  expect(tally('a.test', 8080)).toMatchObject({ opened: 0, fresh: 0 });

  connect(socket, '127.0.0.1', 8080);
  publish('http.client.response.finish', { request: first });

  expect(tally('a.test', 8080)).toEqual({
    opened: 1,
    closed: 0,
    failed: 0,
    fresh: 1,
    reused: 0,
    active: 1,
    idle: 0,
    requests: 1,
  });

  first.destroyed = true;
  const second = Object.assign(request({ reusedSocket: true }), { socket });
  publish('http.client.request.created', { request: second });
  publish('http.client.request.start', { request: second });

  expect(tally('a.test', 8080)).toMatchObject({ fresh: 1, reused: 1, active: 1 });

  second.destroyed = true;

  expect(tally('a.test', 8080)).toMatchObject({ active: 0, idle: 1, requests: 0 });
});

test('a request that never gets a connection does not count', () => {
  const { tally, endTurn } = replaying();
  const only = request();

  const socket = attempt();
  publish('http.client.request.created', { request: only });
  endTurn();
  only.socket = socket;
  publish('http.client.request.start', { request: only });
  close(socket);

  expect(tally('a.test', 8080)).toMatchObject({ opened: 0, failed: 1, fresh: 0, reused: 0 });
});

test('a new connection is active while its request is still being written', () => {
  const { tally } = replaying();

  const socket = attempt();
  publish('http.client.request.created', { request: request() });
  connect(socket, '127.0.0.1', 8080);

  expect(tally('a.test', 8080)).toMatchObject({ opened: 1, fresh: 0, active: 1, requests: 0 });
});

test('a queued request does not claim another socket of the same turn', () => {
  const { tally, endTurn } = replaying();

  const socket = attempt();
  publish('http.client.request.created', { request: request() });
  endTurn();
  connect(socket, '127.0.0.1', 6379);

  expect(tally('127.0.0.1', 6379, false)).toMatchObject({ opened: 1 });
  expect(tally('a.test', 8080)).toMatchObject({ opened: 0 });
});

test('a request on a socket that was counted before moves to the origin of the request', () => {
  const { tally, endTurn } = replaying();

  const socket = attempt();
  endTurn();
  connect(socket, '127.0.0.1', 3128);
  tally('any'); // a collection settles it
  const late = Object.assign(request(), { socket });
  publish('http.client.request.start', { request: late });

  expect(tally('127.0.0.1', 3128, false)).toMatchObject({ opened: 1 });
  expect(tally('a.test', 8080)).toMatchObject({ opened: 0, fresh: 1, requests: 1 });
});

test('after an upgrade the connection stays active, and is closed as one', () => {
  const replay = replaying();
  const only = request({ upgrade: 'websocket' });

  const socket = attempt();
  publish('http.client.request.created', { request: only });
  connect(socket, '127.0.0.1', 8080);
  only.socket = socket;
  publish('http.client.request.start', { request: only });
  socket.bytesRead += 100;
  socket.emit('agentRemove');
  only.destroyed = true;

  expect(replay.tally('a.test', 8080)).toMatchObject({ active: 1, idle: 0, requests: 1 });
  close(socket);
  expect(replay.closedFor('a.test', 8080)).toEqual({ upgraded: 1 });
});

test('a connection that the program takes from its agent is busy with its request until that is over', () => {
  const replay = replaying();
  const only = request();

  const socket = attempt();
  publish('http.client.request.created', { request: only });
  connect(socket, '127.0.0.1', 8080);
  only.socket = socket;
  publish('http.client.request.start', { request: only });
  socket.emit('agentRemove');
  expect(replay.tally('a.test', 8080)).toMatchObject({ active: 1, idle: 0 });
  socket.emit('free');

  expect(replay.tally('a.test', 8080)).toMatchObject({ active: 0, idle: 1 });
});

test('an upgrade that is refused is none: the agent has the connection back', () => {
  const replay = replaying();
  const refused = request({ upgrade: 'websocket' });

  const socket = attempt();
  publish('http.client.request.created', { request: refused });
  connect(socket, '127.0.0.1', 8080);
  refused.socket = socket;
  publish('http.client.request.start', { request: refused });
  const response = { complete: true, httpVersion: '1.1', rawHeaders: [] };
  publish('http.client.response.finish', { request: refused, response });
  refused.destroyed = true;
  socket.emit('free');

  expect(replay.tally('a.test', 8080)).toMatchObject({ active: 0, idle: 1, requests: 0 });
  close(socket);
  expect(replay.closedFor('a.test', 8080)).toEqual({ server_idle_close: 1 });
});

test('a connection whose request was given up before it was sent is idle once the agent has it', () => {
  const { tally, endTurn } = replaying();

  const socket = attempt();
  publish('http.client.request.created', { request: request() });
  endTurn();
  socket.emit('free');
  connect(socket, '127.0.0.1', 8080);

  expect(tally('a.test', 8080)).toMatchObject({ opened: 1, fresh: 0, active: 0, idle: 1 });
});

/** Events of a connection that serves requests in sequence; `sent` and `read` are a request and its response. */
type Word = 'sent' | 'begun' | 'read' | 'free' | 'timeout' | 'end' | 'we end' | 'destroyed';

function closedAfter(...words: Word[]): Record<string, number> {
  const replay = replaying();
  const socket = attempt();
  let current = Object.assign(request(), { socket });
  let response = { complete: false, httpVersion: '1.1', rawHeaders: [] };
  publish('http.client.request.created', { request: current });
  connect(socket, '127.0.0.1', 8080);

  for (const word of words) {
    if (word === 'sent') {
      current = Object.assign(request({ reusedSocket: current.destroyed }), { socket });
      response = { complete: false, httpVersion: '1.1', rawHeaders: [] };
      publish('http.client.request.start', { request: current });
    } else if (word === 'begun') {
      socket.bytesRead += 100;
      publish('http.client.response.finish', { request: current, response });
    } else if (word === 'read') {
      response.complete = true;
      current.destroyed = true;
    } else if (word === 'destroyed') {
      current.destroyed = true;
    } else if (word === 'we end') {
      Object.assign(socket, { writableEnded: true });
    } else {
      socket.emit(word);
    }
  }
  close(socket);
  return replay.closedFor('a.test', 8080);
}

test.each<[CloseReason, Word[]]>([
  ['server_idle_close', ['sent', 'begun', 'read', 'free']],
  ['client_idle_timeout', ['sent', 'begun', 'read', 'free', 'timeout']],
  ['server_idle_close', ['sent', 'begun', 'read', 'free', 'end']],
  ['server_idle_close', ['sent', 'timeout', 'begun', 'read', 'free', 'sent', 'begun', 'read', 'free']],
  ['client_shutdown', ['sent', 'begun', 'read']],
  ['client_shutdown', ['sent', 'begun', 'read', 'free', 'sent', 'begun', 'read']],
  ['client_shutdown', ['sent', 'begun', 'read', 'we end', 'end']],
  ['client_shutdown', ['sent']],
  ['client_shutdown', []],
  ['request_aborted', ['sent', 'destroyed']],
  ['body_cancelled', ['sent', 'begun', 'destroyed']],
  ['body_cancelled', ['sent', 'begun']],
  ['request_aborted', ['sent', 'begun', 'read', 'free', 'sent', 'destroyed']],
  ['request_timeout', ['sent', 'timeout', 'destroyed']],
  ['request_timeout', ['sent', 'begun', 'timeout', 'destroyed']],
  ['server_closed_active', ['sent', 'end']],
  ['server_closed_active', ['sent', 'begun', 'end']],
  ['server_closed_active', ['sent', 'begun', 'read', 'free', 'sent', 'end']],
])('%s after %j', (reason, words) => {
  expect(closedAfter(...words)).toEqual({ [reason]: 1 });
});

test.each<[CloseReason, string[]]>([
  ['server_idle_close', []],
  ['server_idle_close', ['Connection', 'keep-alive', 'Keep-Alive', 'timeout=5']],
  ['keep_alive_hint_too_short', ['Connection', 'keep-alive', 'Keep-Alive', 'timeout=1']],
  ['keep_alive_hint_too_short', ['keep-alive', 'max=9, Timeout=1', 'keep-alive', 'timeout=60']],
  ['server_idle_close', ['Keep-Living', 'timeout=1']],
  ['server_idle_close', ['keep-alive', 'timeout=10']],
  ['server_idle_close', ['Keep-Alive', 'timeout=2']],
  ['server_idle_close', ['Keep-Alive', 'timeout=']],
  ['keep_alive_hint_too_short', ['Keep-Alive', 'timeout=0']],
  ['keep_alive_hint_too_short', ['Keep-Alive', 'timeout=01']],
  ['keep_alive_hint_too_short', ['KEEP-ALIVE', 'Timeout=1, max=5']],
])('%s after an answer with %j, once the agent has it back', (reason, rawHeaders) => {
  expect(closedAfterAnswer(rawHeaders, 'free')).toEqual({ [reason]: 1 });
});

test.each<[CloseReason, string[]]>([
  ['server_close_header', ['Connection', 'close']],
  ['server_close_header', ['CONNECTION', 'Keep-Alive, Close']],
  ['server_close_header', ['Connection', 'close', 'Connection', 'keep-alive']],
  ['client_shutdown', ['Connection', 'closed-loop']],
  ['client_shutdown', ['Connector1', 'close']],
])('%s after an answer with %j, which the agent does not get back', (reason, rawHeaders) => {
  expect(closedAfterAnswer(rawHeaders)).toEqual({ [reason]: 1 });
});

function closedAfterAnswer(rawHeaders: string[], ...then: 'free'[]): Record<string, number> {
  const replay = replaying();
  const socket = attempt();
  const only = Object.assign(request(), { socket });
  publish('http.client.request.created', { request: only });
  connect(socket, '127.0.0.1', 8080);
  publish('http.client.request.start', { request: only });
  publish('http.client.response.finish', {
    request: only,
    response: { complete: true, httpVersion: '1.1', rawHeaders },
  });
  only.destroyed = true;
  for (const word of then) socket.emit(word);
  close(socket);
  return replay.closedFor('a.test', 8080);
}

test('a request whose agent did not open the socket does not claim it', () => {
  const replay = replaying();
  const waiting = request();
  const agent = { sockets: { 'b.test:80:': [{}], 'a.test:8080:': [{}] } };

  const socket = attempt();
  publish('http.client.request.created', { request: Object.assign(waiting, { agent }) });
  connect(socket, '127.0.0.1', 8080);

  expect(replay.tally('a.test', 8080, false)).toMatchObject({ opened: 1 });
});

test('a request whose response arrives before it is written counts once', () => {
  const replay = replaying();
  const early = request();

  const socket = attempt();
  publish('http.client.request.created', { request: early });
  connect(socket, '127.0.0.1', 8080);
  early.socket = socket;
  const response = { complete: true, httpVersion: '1.1', rawHeaders: ['Connection', 'close'] };
  publish('http.client.response.finish', { request: early, response });
  publish('http.client.request.start', { request: early });
  early.destroyed = true;
  close(socket);

  expect(replay.tally('a.test', 8080)).toMatchObject({ opened: 1, closed: 1, fresh: 1, reused: 0 });
  expect(replay.closedFor('a.test', 8080)).toEqual({ server_close_header: 1 });
});
