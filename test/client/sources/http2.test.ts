import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { attempt, close, connect, publish, type ReplaySocket, replaying } from '../../support/replay.ts';

function sessionOn(socket: ReplaySocket) {
  const session = Object.assign(new EventEmitter(), { socket });
  return (id: number | undefined) => ({ id, session });
}

test('streams share a connection: the first is fresh, the others reuse it', () => {
  const { tally } = replaying();
  const socket = attempt();
  const stream = sessionOn(socket);
  const streams = [stream(1), stream(3), stream(5)];

  connect(socket, '127.0.0.1', 50051);
  for (const each of streams) publish('http2.client.stream.start', { stream: each });

  expect(tally('127.0.0.1', 50051)).toEqual({
    opened: 1,
    closed: 0,
    failed: 0,
    fresh: 1,
    reused: 2,
    active: 1,
    idle: 0,
    requests: 3,
  });

  for (const each of streams) publish('http2.client.stream.close', { stream: each });

  expect(tally('127.0.0.1', 50051)).toMatchObject({ active: 0, idle: 1, requests: 0 });

  close(socket);

  expect(tally('127.0.0.1', 50051)).toMatchObject({ closed: 1, active: 0, idle: 0, requests: 0 });
});

test('pushed streams and streams that never start are not requests', () => {
  const { tally } = replaying();
  const socket = attempt();
  const stream = sessionOn(socket);

  connect(socket, '127.0.0.1', 50051);
  publish('http2.client.stream.start', { stream: stream(1) });
  publish('http2.client.stream.start', { stream: stream(2) });
  publish('http2.client.stream.close', { stream: stream(2) });
  publish('http2.client.stream.close', { stream: stream(undefined) });

  expect(tally('127.0.0.1', 50051)).toMatchObject({ fresh: 1, reused: 0, requests: 1 });
});

test('streams that start or end while connmeter is off never make a gauge negative', () => {
  const { tally, connections } = replaying();
  const socket = attempt();
  const stream = sessionOn(socket);

  connect(socket, '127.0.0.1', 50051);
  publish('http2.client.stream.start', { stream: stream(1) });
  connections.pause();
  publish('http2.client.stream.close', { stream: stream(1) });
  publish('http2.client.stream.close', { stream: stream(3) });

  expect(tally('127.0.0.1', 50051)).toMatchObject({ active: 0, idle: 1, requests: 0 });
});

test('requests of a session count with a connection that was counted without HTTP', () => {
  const { tally } = replaying();
  const socket = attempt();

  connect(socket, '127.0.0.1', 50051);
  tally('any'); // a collection settles it
  publish('http2.client.stream.start', { stream: sessionOn(socket)(1) });

  expect(tally('127.0.0.1', 50051, false)).toMatchObject({ opened: 1 });
  expect(tally('127.0.0.1', 50051)).toMatchObject({ opened: 0, fresh: 1, requests: 1 });
});

test('a stream that starts before its connection is open counts when the connection opens', () => {
  const { tally } = replaying();
  const socket = attempt();

  publish('http2.client.stream.start', { stream: sessionOn(socket)(1) });

  expect(tally('127.0.0.1', 50051)).toMatchObject({ opened: 0, fresh: 0 });

  connect(socket, '127.0.0.1', 50051);

  expect(tally('127.0.0.1', 50051)).toMatchObject({ opened: 1, fresh: 1, active: 1 });
});

test('a session that gets GOAWAY closes with reason goaway, and has one listener for all its streams', () => {
  const replay = replaying();
  const socket = attempt();
  const stream = sessionOn(socket);
  const streams = [stream(1), stream(3)];

  connect(socket, '127.0.0.1', 50051);
  for (const each of streams) publish('http2.client.stream.start', { stream: each });
  const { session } = streams[0] as ReturnType<typeof stream>;

  expect(session.listenerCount('goaway')).toBe(1);

  session.emit('goaway', 0, 3, undefined);
  for (const each of streams) publish('http2.client.stream.close', { stream: each });
  close(socket);

  expect(replay.closedFor('127.0.0.1', 50051)).toEqual({ goaway: 1 });
});

test.each([
  ['server_closed_active', 1, true],
  ['server_idle_close', 0, true],
  ['client_shutdown', 1, false],
  ['client_shutdown', 0, false],
])('%s where %i streams are open and the server ended it: %s', (reason, open, serverEnds) => {
  const replay = replaying();
  const socket = attempt();
  const stream = sessionOn(socket)(1);

  connect(socket, '127.0.0.1', 50051);
  publish('http2.client.stream.start', { stream });
  if (open === 0) publish('http2.client.stream.close', { stream });
  if (serverEnds) socket.emit('end');
  close(socket);

  expect(replay.closedFor('127.0.0.1', 50051)).toEqual({ [reason]: 1 });
});
