import { expect, test } from 'vitest';
import { attempt, close, connect, publish, type ReplaySocket, replaying } from '../support/replay.ts';

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

test('a request that is started before its socket is connected counts when that opens', () => {
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

test('a request that never gets a connection is not counted as sent', () => {
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

test('a request that only waits for a socket does not claim another of the same turn', () => {
  const { tally, endTurn } = replaying();

  const socket = attempt();
  publish('http.client.request.created', { request: request() });
  endTurn();
  connect(socket, '127.0.0.1', 6379);

  expect(tally('127.0.0.1', 6379, false)).toMatchObject({ opened: 1 });
  expect(tally('a.test', 8080)).toMatchObject({ opened: 0 });
});

test('a socket that was counted before its request came carries it to the origin it is meant for', () => {
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

test('after an upgrade the connection stays active', () => {
  const { tally } = replaying();
  const only = request({ upgrade: 'websocket' });

  const socket = attempt();
  publish('http.client.request.created', { request: only });
  connect(socket, '127.0.0.1', 8080);
  only.socket = socket;
  publish('http.client.request.start', { request: only });
  only.destroyed = true;

  expect(tally('a.test', 8080)).toMatchObject({ active: 1, idle: 0 });
});
