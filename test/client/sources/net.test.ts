import { EventEmitter } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { attempt, close, connect, destroy, failure, publish, ReplaySocket, replaying } from '../../support/replay.ts';

test('a plain socket counts under its host name and port, without HTTP', () => {
  const { tally, durations } = replaying();

  const socket = attempt();
  socket.emit('lookup', null, '127.0.0.1', 4, 'Db.Test');
  connect(socket, '127.0.0.1', 5432);

  expect(tally('db.test', 5432, false)).toMatchObject({ opened: 1, closed: 0, active: 0, idle: 0 });
  expect(durations.map(({ metric }) => metric)).toEqual(['connmeter.connect.duration']);

  close(socket);

  expect(tally('db.test', 5432, false)).toMatchObject({ opened: 1, closed: 1 });
  expect(durations).toHaveLength(1);
});

test('each phase is timed from the end of the previous one', () => {
  const replay = replaying();

  replay.now = 10;
  const socket = attempt(Object.assign(new ReplaySocket(), { encrypted: true as const, alpnProtocol: 'http/1.1' }));
  replay.now = 11;
  socket.emit('lookup', null, '127.0.0.1', 4, 'a.test');
  replay.now = 13;
  connect(socket, '127.0.0.1', 443);
  replay.now = 17;
  socket.emit('secureConnect');
  replay.now = 25;
  close(socket);

  const origin = { 'server.address': 'a.test', 'server.port': 443, 'network.protocol.name': 'http' };
  expect(replay.durations).toEqual([
    { metric: 'connmeter.connect.duration', seconds: 2, attributes: origin },
    {
      metric: 'connmeter.tls.handshake.duration',
      seconds: 4,
      attributes: { ...origin, 'tls.protocol.version': '1.3', 'tls.resumed': false },
    },
    { metric: 'connmeter.connection.requests', seconds: 0, attributes: origin },
    {
      metric: 'http.client.connection.duration',
      seconds: 8,
      attributes: { ...origin, 'network.protocol.version': '1.1' },
    },
  ]);
});

test('a name with several addresses has one lookup and several attempts', () => {
  const { tally, registry } = replaying();

  const socket = attempt();
  socket.emit('lookup', null, '::1', 6, 'a.test');
  socket.emit('lookup', null, '127.0.0.1', 4, 'a.test');
  socket.emit('connectionAttempt', '::1', 80, 6);
  socket.emit('connectionAttemptTimeout', '::1', 80, 6);
  connect(socket, '127.0.0.1', 80);

  expect(tally('a.test', 80, false)).toMatchObject({ opened: 1, failed: 0 });
  const { attempts } = registry.originCounts({ address: 'a.test', port: 80 }, false);
  expect(
    attempts.map(({ attributes, value }) => [attributes['network.type'], attributes['connmeter.outcome'], value]),
  ).toEqual([
    ['ipv6', 'ok', 0],
    ['ipv6', 'failed', 0],
    ['ipv6', 'timed_out', 1],
    ['ipv4', 'ok', 1],
    ['ipv4', 'failed', 0],
    ['ipv4', 'timed_out', 0],
  ]);
});

test.each<[string, Error | undefined, string[]]>([
  ['dns', failure('ENOTFOUND', 'getaddrinfo'), ['lookup']],
  ['dns', undefined, []],
  ['connect', failure('ETIMEDOUT', 'connect'), ['attempt']],
  ['connect', failure('EADDRNOTAVAIL', 'bind'), []],
  ['tls', failure('CERT_HAS_EXPIRED'), ['attempt', 'connect']],
])('a connection that ends before it opened failed in %s (%o)', (phase, error, steps) => {
  const { registry, endTurn, tally } = replaying();

  const socket = attempt(Object.assign(new ReplaySocket(), { encrypted: true as const }));
  endTurn();
  if (steps.includes('lookup')) socket.emit('lookup', error, undefined, undefined, 'a.test');
  if (steps.includes('attempt')) socket.emit('connectionAttempt', '127.0.0.1', 443, 4);
  if (steps.includes('connect')) socket.emit('connect');
  close(socket, error);
  tally('any');

  const failures = registry.allOriginCounts.flatMap(each => each.failures).filter(({ value }) => value > 0);
  expect(failures).toHaveLength(1);
  expect(failures[0]?.attributes).toMatchObject({
    'connmeter.phase': phase,
    'error.type': (error as { code?: string } | undefined)?.code ?? 'aborted',
  });
});

test('a failed lookup counts once, although many sockets get its error', () => {
  const { durations } = replaying();
  const error = failure('ENOTFOUND', 'getaddrinfo');

  for (let i = 0; i < 3; i++) {
    const socket = attempt();
    socket.emit('lookup', error, undefined, undefined, 'a.test');
    close(socket, error);
  }

  expect(durations).toMatchObject([
    { metric: 'dns.lookup.duration', attributes: { 'dns.question.name': 'a.test', 'error.type': 'ENOTFOUND' } },
  ]);
});

test('a custom lookup function that fails with its own error is not a DNS lookup', () => {
  const { durations } = replaying();

  attempt().emit('lookup', failure('ENOTCACHED'), undefined, undefined, 'a.test');

  expect(durations).toEqual([]);
});

test('a connect that throws, or is destroyed in the same turn, leaves nothing', () => {
  const { registry, endTurn, connections } = replaying();

  const thrown = attempt();
  thrown.connecting = false;
  const undone = attempt();
  undone.connecting = false;
  endTurn();
  close(undone);
  connections.refreshGauges();

  expect(registry.allOriginCounts).toEqual([]);
  expect(registry.lookupsPending.value).toBe(0);
});

test('a lookup is pending from the end of its turn until it resolves', () => {
  const { registry, endTurn, connections } = replaying();

  const socket = attempt();
  endTurn();
  connections.refreshGauges();

  expect(registry.lookupsPending.value).toBe(1);

  socket.emit('lookup', null, '127.0.0.1', 4, 'a.test');
  connections.refreshGauges();

  expect(registry.lookupsPending.value).toBe(0);
});

/** The gauges of connections that are being opened which are not zero: address, port, phase, value. */
function pendingOf({ connections, registry }: ReturnType<typeof replaying>) {
  connections.refreshGauges();
  return registry.allPending
    .flatMap(({ all }) => all)
    .filter(({ value }) => value !== 0)
    .map(({ attributes, value }) => [
      attributes['server.address'],
      attributes['server.port'],
      attributes['connmeter.phase'],
      value,
    ]);
}

test('a connection that is being opened is counted in the phase that it is in', () => {
  const replay = replaying();
  const { registry, endTurn } = replay;

  const socket = attempt(Object.assign(new ReplaySocket(), { encrypted: true as const }));
  expect(pendingOf(replay)).toEqual([]); // `connect` may still throw

  endTurn();
  expect(pendingOf(replay)).toEqual([]); // a socket does not show which name it looks up
  expect(registry.lookupsPending.value).toBe(1);

  socket.emit('lookup', null, '127.0.0.1', 4, 'a.test');
  socket.emit('connectionAttempt', '127.0.0.1', 443, 4);
  expect(pendingOf(replay)).toEqual([['a.test', 443, 'connect', 1]]);
  expect(registry.allOriginCounts).toEqual([]);

  socket.emit('connect');
  expect(pendingOf(replay)).toEqual([['a.test', 443, 'tls', 1]]);

  socket.emit('secureConnect');
  expect(pendingOf(replay)).toEqual([]);
  const gauges = registry.allPending.flatMap(({ all }) => all);
  expect(gauges.map(({ attributes, value }) => [attributes['connmeter.phase'], value])).toEqual([
    ['connect', 0],
    ['tls', 0],
  ]);
});

test('a connection that opens between two collections needs no gauge', () => {
  const replay = replaying();

  connect(attempt(), '127.0.0.1', 80);
  replay.connections.refreshGauges();

  expect(replay.registry.allPending).toEqual([]);
});

test('a connection that a client has announced is counted under its name before the lookup ends', () => {
  const replay = replaying();

  publish('undici:client:beforeConnect', {
    connectParams: { hostname: 'a.test', port: '', protocol: 'https:' },
    connector: () => {},
  });
  const socket = attempt();
  replay.endTurn();

  expect(pendingOf(replay)).toEqual([['a.test', 443, 'dns', 1]]);
  expect(replay.registry.allOriginCounts).toEqual([]);

  close(socket);
  expect(pendingOf(replay)).toEqual([]);
});

test.each<[string, Error | undefined, string[], string]>([
  ['timeout', undefined, ['timeout'], 'timed_out'],
  ['timeout', new Error('timeout'), [], 'timed_out'],
  ['aborted', undefined, [], 'failed'],
  ['UND_ERR_CONNECT_TIMEOUT', failure('UND_ERR_CONNECT_TIMEOUT'), [], 'timed_out'],
  ['ECONNREFUSED', failure('ECONNREFUSED', 'connect'), ['timeout'], 'failed'],
])('a connect that is given up fails with %s (%o, %j)', (type, error, words, outcome) => {
  const replay = replaying();

  const socket = attempt();
  socket.emit('connectionAttempt', '127.0.0.1', 80, 4);
  for (const word of words) socket.emit(word);
  close(socket, error);
  replay.connections.refreshGauges();

  const counts = replay.registry.originCounts({ address: '127.0.0.1', port: 80 }, false);
  const counted = [...counts.failures, ...counts.attempts].filter(({ value }) => value > 0);
  expect(counted.map(({ attributes }) => attributes['error.type'] ?? attributes['connmeter.outcome'])).toEqual([
    type,
    outcome,
  ]);
});

test.each<[string, Error | undefined, string[]]>([
  ['timeout', undefined, ['timeout']],
  ['aborted', undefined, []],
  ['UND_ERR_CONNECT_TIMEOUT', failure('UND_ERR_CONNECT_TIMEOUT'), []],
])('a lookup that is given up counts with the time until then, and with %s', (type, error, words) => {
  const replay = replaying();

  publish('undici:client:beforeConnect', {
    connectParams: { hostname: 'a.test', port: '', protocol: 'http:' },
    connector: () => {},
  });
  const socket = attempt();
  replay.endTurn();
  replay.now = 0.5;
  for (const word of words) socket.emit(word);
  close(socket, error);

  expect(replay.durations).toEqual([
    {
      metric: 'dns.lookup.duration',
      seconds: 0.5,
      attributes: { 'dns.question.name': 'a.test', 'error.type': type },
    },
  ]);
});

test.each<[string, Error | undefined, (socket: ReplaySocket) => void]>([
  ['an invalid local address', failure('EADDRNOTAVAIL', 'bind'), () => {}],
  ['a blocked address', failure('ERR_IP_BLOCKED'), () => {}],
  ['a connect that hangs', undefined, socket => socket.emit('connectionAttempt', '127.0.0.1', 80, 4)],
  ['a lookup that ended', undefined, socket => socket.emit('lookup', null, '127.0.0.1', 4, 'a.test')],
])('%s is no lookup that was given up', (_name, error, go) => {
  const replay = replaying();

  const socket = attempt();
  replay.endTurn();
  go(socket);
  close(socket, error);

  expect(replay.durations).toEqual([]);
});

test('an IP address that a client has announced needs no lookup', () => {
  const replay = replaying();

  publish('undici:client:beforeConnect', {
    connectParams: { hostname: '::1', port: '', protocol: 'http:' },
    connector: () => {},
  });
  const socket = attempt();
  replay.endTurn();

  expect(pendingOf(replay)).toEqual([['::1', 80, 'connect', 1]]);
  expect(replay.registry.lookupsPending.value).toBe(0);

  close(socket);
  expect(replay.durations).toEqual([]);
});

test('a socket that connects again after its close is a second connection', () => {
  const { tally } = replaying();

  const socket = attempt();
  connect(socket, '127.0.0.1', 80);
  close(socket);
  attempt(socket);
  connect(socket, '127.0.0.1', 80);

  expect(tally('127.0.0.1', 80, false)).toMatchObject({ opened: 2, closed: 1 });
  expect(socket.listenerCount('close')).toBe(1);
});

test.each(['before it connects', 'after it is connected', 'after it is destroyed again'] as const)(
  'a socket that connects again before its close is a second connection; the close comes %s',
  moment => {
    const { tally, connections } = replaying();

    const socket = attempt();
    connect(socket, '127.0.0.1', 80);
    destroy(socket);
    attempt(socket);
    if (moment === 'before it connects') socket.emit('close');
    connect(socket, '127.0.0.1', 80);
    if (moment === 'after it is connected') socket.emit('close');
    const between = tally('127.0.0.1', 80, false);
    destroy(socket);
    if (moment === 'after it is destroyed again') socket.emit('close');
    socket.emit('close');

    expect(between).toMatchObject({ opened: 2, closed: 1 });
    expect(tally('127.0.0.1', 80, false)).toMatchObject({ opened: 2, closed: 2, failed: 0 });
    expect(connections.liveCount).toBe(0);
  },
);

test('connect() on a socket that is connecting or connected is not another connection', () => {
  const { tally, connections } = replaying();
  const again = (socket: ReplaySocket) => publish('net.client.socket', { socket });

  const socket = attempt();
  again(socket);
  connect(socket, '127.0.0.1', 80);
  again(socket);

  expect(tally('127.0.0.1', 80, false)).toMatchObject({ opened: 1, closed: 0, failed: 0 });
  expect(connections.liveCount).toBe(1);
});

test('a socket that another process has now is closed for this one, for an unknown reason', () => {
  const replay = replaying();

  const socket = attempt();
  connect(socket, '127.0.0.1', 80);
  socket.pending = true; // it has no handle any more

  expect(replay.closedFor('127.0.0.1', 80, false)).toEqual({ unknown: 1 });
  expect(replay.connections.liveCount).toBe(0);

  attempt(socket);
  connect(socket, '127.0.0.1', 80);

  expect(replay.tally('127.0.0.1', 80, false)).toMatchObject({ opened: 2, closed: 1 });
});

test('sockets that other processes have now are released at later attempts', () => {
  const { connections } = replaying();

  const live = Array.from({ length: 100 }, () => {
    const socket = attempt();
    connect(socket, '127.0.0.1', 80);
    socket.pending = true;
    return connections.liveCount;
  });

  expect(Math.max(...live)).toBeLessThan(5);
});

test('listeners for connect and secureConnect are removed once they have fired', () => {
  replaying();

  const socket = attempt(Object.assign(new ReplaySocket(), { encrypted: true as const, alpnProtocol: 'http/1.1' }));
  const waiting = () => [socket.listenerCount('connect'), socket.listenerCount('secureConnect')];
  const before = waiting();
  connect(socket, '127.0.0.1', 443);
  const connected = waiting();
  socket.emit('secureConnect');

  expect([before, connected, waiting()]).toEqual([
    [1, 1],
    [0, 1],
    [0, 0],
  ]);

  close(socket);
  attempt(socket);

  expect(waiting()).toEqual([1, 1]);
});

test('a close without an event is noticed at the next collection', () => {
  const { tally } = replaying();

  const socket = attempt();
  connect(socket, '127.0.0.1', 80);
  socket.removeAllListeners();
  close(socket);

  expect(tally('127.0.0.1', 80, false)).toMatchObject({ opened: 1, closed: 1 });
});

test('closes without an event are noticed at later attempts', () => {
  const { connections } = replaying();
  const open = Array.from({ length: 10 }, () => {
    const socket = attempt();
    connect(socket, '127.0.0.1', 80);
    return socket;
  });

  const live = Array.from({ length: 100 }, () => {
    const socket = attempt();
    connect(socket, '127.0.0.1', 80);
    socket.removeAllListeners();
    close(socket);
    return connections.liveCount;
  });

  expect(Math.max(...live)).toBeLessThan(3 * open.length);
  expect(connections.snapshot().live).toHaveLength(open.length);
});

test('the limit on listeners stays that of the program', () => {
  replaying();

  const [usual, own] = [attempt(), attempt(new ReplaySocket().setMaxListeners(3))];
  for (const socket of [usual, own]) connect(socket);
  onTestFinished(() => {
    EventEmitter.defaultMaxListeners = 10;
  });
  EventEmitter.defaultMaxListeners = 20;

  expect([usual.getMaxListeners(), own.getMaxListeners()]).toEqual([20, 3]);
});

test('a Unix socket counts under its path', () => {
  const { tally, durations } = replaying();

  const socket = attempt();
  socket.emit('connectionAttempt', '/run/App.sock', undefined, undefined);
  socket.emit('connect');

  expect(tally('/run/App.sock', undefined, false)).toMatchObject({ opened: 1 });
  expect(durations).toEqual([]);
});

test.each<[string, string[], Error | undefined]>([
  ['client_closed', [], undefined],
  ['client_closed', ['we end', 'end'], undefined],
  ['peer_closed', ['end'], undefined],
  ['client_idle_timeout', ['timeout'], undefined],
  ['client_idle_timeout', ['timeout'], new Error('enough')],
  ['peer_closed', [], failure('ECONNRESET', 'read')],
  ['peer_closed', ['end'], failure('EPIPE', 'write')],
  ['client_closed', [], new Error('enough')],
  ['error', [], failure('ETIMEDOUT', 'read')],
])('a plain socket is closed for %s after %j (%o)', (reason, words, error) => {
  const replay = replaying();

  const socket = attempt();
  connect(socket, '127.0.0.1', 5432);
  for (const word of words) {
    if (word === 'we end') Object.assign(socket, { writableEnded: true });
    else socket.emit(word);
  }
  close(socket, error);

  expect(replay.closedFor('127.0.0.1', 5432, false)).toEqual({ [reason]: 1 });
});

test('the first error of a socket is the reason, although its close has another one', () => {
  const replay = replaying();

  const socket = attempt();
  connect(socket, '127.0.0.1', 5432);
  Object.assign(socket, { errored: failure('ENOTCONN', 'shutdown') });
  close(socket, failure('UND_ERR_DESTROYED'));

  expect(replay.closedFor('127.0.0.1', 5432, false)).toEqual({ error: 1 });
});
