import { expect, test, vi } from 'vitest';
import type { KeepAliveSignals } from '../../src/client/attribution/close-reason.ts';
import { Connection } from '../../src/client/connection.ts';
import { ConnectionStates } from '../../src/client/connection-states.ts';
import type { UnreadBodies } from '../../src/client/unread-bodies.ts';
import { guardWith } from '../../src/core/guard.ts';
import { ReplaySocket } from '../support/replay.ts';

const FINISHED: KeepAliveSignals = {
  methodNotReusable: false,
  clientCloses: false,
  closeIsExplicit: false,
  serverCloses: false,
  keepAlive: undefined,
  keepAliveMargin: 1,
  sent: true,
  complete: true,
  aborted: false,
  upgraded: false,
};

/** A connection that served a request, and is idle in its agent. */
function connectionWith(fields: Partial<Connection> = {}): Connection {
  const connection = new Connection(new ReplaySocket() as never, 0);
  return Object.assign(connection, { http: true, opened: 0, signals: FINISHED, returnedToPool: true, ...fields });
}

function statesAt(now: number, bodies: Partial<UnreadBodies> = {}) {
  const onFault = vi.fn<(where: string) => void>();
  const states = new ConnectionStates(guardWith(onFault), bodies as UnreadBodies, () => now);
  return { states, onFault };
}

test.each([
  [9.99, 'server_idle_close'],
  [9.998, 'connection_expired'],
  [11, 'connection_expired'],
])('a connection that its agent closes after 10 s has expired, 2 ms early at most: %d s', (age, reason) => {
  const { states } = statesAt(age);

  expect(states.reasonOf(connectionWith({ maxAge: 10 }))).toBe(reason);
  expect(states.reasonOf(connectionWith({ maxAge: undefined }))).toBe('server_idle_close');
});

test('a connection is ended by the server if that sent FIN or GOAWAY, or there is an error', () => {
  const { states } = statesAt(0);

  expect(states.isEndedByServer(connectionWith())).toBe(false);
  for (const fields of [{ serverEnded: true }, { receivedGoaway: true }, { error: new Error('reset') }])
    expect(states.isEndedByServer(connectionWith(fields))).toBe(true);
});

test('a request has failed if it was on a connection that the server closed', () => {
  const { states } = statesAt(0);
  const active: Partial<Connection> = { signals: { ...FINISHED, complete: false }, reason: 'server_closed_active' };

  expect(states.requestFailureOf(connectionWith(active))).toBe('closed');
  expect(states.requestFailureOf(connectionWith({ ...active, signals: FINISHED }))).toBeUndefined();
  expect(states.requestFailureOf(connectionWith({ ...active, signals: undefined }))).toBeUndefined();
  expect(states.requestFailureOf(connectionWith({ ...active, tunnel: 'requested' }))).toBeUndefined();
  expect(states.requestFailureOf(connectionWith({ ...active, reason: undefined }))).toBeUndefined();
  expect(states.requestFailureOf(connectionWith({ ...active, reason: 'client_shutdown' }))).toBeUndefined();
});

test('a reason is right also if code of the program runs meanwhile that closes another connection', () => {
  const { states } = statesAt(0);
  const inner = connectionWith();
  const client = {
    signalsOf: () => {
      expect(states.reasonOf(inner)).toBe('server_idle_close');
      return FINISHED;
    },
  };
  const outer = connectionWith({ receivedGoaway: true, request: {}, client: client as never });

  expect(states.reasonOf(outer)).toBe('goaway');
});

test('a connection whose objects throw is idle and open, and closed for an unknown reason', () => {
  const { states, onFault } = statesAt(0);
  const throwing = new Proxy(
    {},
    {
      get() {
        throw new Error('revoked');
      },
    },
  );
  const poisoned = connectionWith({
    socket: throwing as never,
    client: throwing as never,
    request: {},
    openedFor: {},
    connected: 0,
  });

  expect({
    busy: states.isBusy(poisoned),
    requests: states.requestsOn(poisoned),
    closing: states.isClosing(poisoned),
    closed: states.isClosed(poisoned),
    endedByServer: states.isEndedByServer(poisoned),
    reason: states.reasonOf(poisoned),
    failure: states.requestFailureOf(poisoned),
    error: states.errorOf(poisoned),
  }).toEqual({
    busy: false,
    requests: 0,
    closing: false,
    closed: false,
    endedByServer: false,
    reason: 'unknown',
    failure: undefined,
    error: undefined,
  });
  expect(onFault).toHaveBeenCalled();
});

test.each<[string, Partial<Connection>, number]>([
  ['nothing', {}, 0],
  ['a request', { request: {} }, 1],
  ['a request that is over', { request: { over: true } }, 0],
  ['pipelined requests, one of them over', { request: {}, earlierRequests: [{ over: true }, {}] }, 2],
  ['streams', { requestsInProgress: 3 }, 3],
  ['an upgrade', { takenOver: true }, 1],
])('%s on a connection', (_what, fields, count) => {
  const { states } = statesAt(0);
  const client = { isFinished: (request: { over?: boolean }) => request.over === true };
  const connection = connectionWith({ ...fields, client: client as never });

  expect(states.requestsOn(connection)).toBe(count);
  expect(states.isBusy(connection)).toBe(count > 0);
  expect(states.isBusy(Object.assign(connection, { openedFor: {} }))).toBe(true);
});

test.each<[string, Partial<KeepAliveSignals>, boolean]>([
  ['a usual request', {}, false],
  ['a method that is not reused', { methodNotReusable: true }, true],
  ['a client that closes', { clientCloses: true }, true],
  ['a server that closes', { serverCloses: true }, true],
  ['a request that was not sent completely', { sent: false }, true],
  ['a request that was given up', { aborted: true, complete: false }, true],
  ['a request that was given up after its response', { aborted: true }, false],
])('after %s, its pool does not use the connection: %s', (_what, said, leaving) => {
  const { states } = statesAt(0);

  expect(states.isLeaving(connectionWith({ signals: { ...FINISHED, ...said } }))).toBe(leaving);
  expect(states.isLeaving(connectionWith({ signals: { ...FINISHED, ...said }, version: '2' }))).toBe(false);
  expect(states.isLeaving(connectionWith({ signals: undefined }))).toBe(false);
});

test('a socket that is ending or destroyed is about to close', () => {
  const { states } = statesAt(0);
  const at = (fields: object, more: Partial<Connection> = {}) => {
    const socket = {
      destroyed: false,
      writableEnded: false,
      closed: false,
      pending: false,
      connecting: false,
      ...fields,
    };
    return connectionWith({ socket: socket as never, connected: 0, ...more });
  };

  expect(states.isClosing(at({}))).toBe(false);
  expect(states.isClosing(at({ destroyed: true }))).toBe(true);
  expect(states.isClosing(at({ writableEnded: true }))).toBe(true);
  expect(states.isClosing(at({ destroyed: true }, { opened: undefined }))).toBe(false);
  expect(states.isClosing(connectionWith({ socket: undefined }))).toBe(false);

  expect(states.isClosed(at({}))).toBe(false);
  expect(states.isClosed(at({ closed: true }))).toBe(true);
  expect(states.isClosed(at({ pending: true }))).toBe(true); // another process has it
  expect(states.isClosed(at({ pending: true, connecting: true }))).toBe(false);
  expect(states.isClosed(at({ pending: true, destroyed: true }))).toBe(false);
  expect(states.isClosed(at({ pending: true }, { connected: undefined }))).toBe(false);
  expect(states.isClosed(connectionWith({ socket: undefined, connected: 0 }))).toBe(false);
  expect(states.reasonOf(at({ pending: true }))).toBe('unknown');
});

test('a response is unread, or holds its connection, if there is a time since which it does', () => {
  const { states } = statesAt(5, { unreadSince: () => 0, heldSince: () => undefined });

  expect([states.isUnread(connectionWith()), states.isHeld(connectionWith())]).toEqual([true, false]);

  const { states: others } = statesAt(5, { unreadSince: () => undefined, heldSince: () => 4 });

  expect([others.isUnread(connectionWith()), others.isHeld(connectionWith())]).toEqual([false, true]);
});

test.each<[string, Partial<Connection>, string | undefined]>([
  ['nobody asked for one', { tunnel: 'none', error: new Error('x') }, undefined],
  ['the proxy refused it', { tunnel: 'refused', tunnelStatus: 407 }, '407'],
  ['the request shows that the proxy refused it', { tunnel: 'requested', request: { status: 503 } }, '503'],
  ['the request shows that the proxy accepted it', { tunnel: 'requested', request: { status: 200 } }, undefined],
  [
    'it is open, whatever its request shows',
    { tunnel: 'open', tunnelStatus: 200, request: { status: 503 } },
    undefined,
  ],
  ['it was refused before, and its request is gone', { tunnel: 'requested', tunnelStatus: 502 }, '502'],
  ['the proxy closed instead of an answer', { tunnel: 'requested' }, '_OTHER'],
  ['the proxy did not answer', { tunnel: 'requested', timedOut: true }, 'timeout'],
  [
    'the connection failed, after a timeout too',
    { tunnel: 'requested', timedOut: true, error: { code: 'ECONNRESET' } },
    'ECONNRESET',
  ],
  ['it failed without a timeout', { tunnel: 'requested', error: { code: 'EPIPE' } }, 'EPIPE'],
  ['the proxy sent something', { tunnel: 'requested', bytesReadBeforeRequest: -1 }, undefined],
])('why there is no tunnel: %s', (_what, fields, error) => {
  const { states } = statesAt(0);
  const client = { connectStatus: ({ status }: { status?: number }) => status };

  expect(states.tunnelErrorOf(connectionWith({ ...fields, client: client as never }))).toBe(error);
});
