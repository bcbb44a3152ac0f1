import { expect, test, vi } from 'vitest';
import { type ClientAdapter, Connection } from '../../src/client/connection.ts';
import { UnreadBodies } from '../../src/client/unread-bodies.ts';
import { guardWith } from '../../src/core/guard.ts';
import { ReplaySocket } from '../support/replay.ts';

/** A connection with a request. `taken` is what its client says of the response. */
function checking() {
  const client = { isFinished: () => false, takenUnread: () => state.taken } as unknown as ClientAdapter;
  const connection = new Connection(new ReplaySocket() as never, 0);
  connection.client = client;
  connection.request = {};
  const onHeld = vi.fn<(held: Connection) => boolean>(() => true);
  const onFault = vi.fn<(where: string) => void>();
  const state = { now: 0, taken: 0 as number | undefined, client, connection, onHeld, onFault };
  const bodies = new UnreadBodies(guardWith(onFault), () => state.now, onHeld);
  return {
    ...state,
    /** Checks at a time. */
    at(now: number, taken?: number): { unread: number | undefined; held: number | undefined } {
      Object.assign(state, { now, taken });
      return { unread: bodies.unreadSince(connection), held: bodies.heldSince(connection) };
    },
  };
}

const READ = { unread: undefined, held: undefined };

test('a response is unread at once, and holds its connection half a second after the first check', () => {
  const { at, onHeld } = checking();

  expect(at(1, 0)).toEqual({ unread: 1, held: undefined });
  expect(at(1.49, 0)).toEqual({ unread: 1, held: undefined });
  expect(onHeld).not.toHaveBeenCalled();
  expect(at(1.5, 0)).toEqual({ unread: 1, held: 1 });
  expect(onHeld).toHaveBeenCalledTimes(1);
  expect(at(9, 0)).toEqual({ unread: 1, held: 1 });
});

test('whatever is taken restarts the half second', () => {
  const { at } = checking();
  at(1, 0);

  expect(at(2, 10)).toEqual({ unread: 2, held: undefined });
  expect(at(3, 20)).toEqual({ unread: 3, held: undefined });
  expect(at(4, 20)).toEqual({ unread: 3, held: 3 });
});

test('a response that is read holds nothing, and what follows is a new beginning', () => {
  const { at } = checking();
  at(1, 10);

  expect(at(2, undefined)).toEqual(READ);
  expect(at(3, 10)).toEqual({ unread: 3, held: undefined });
});

test('the next response on the connection is a new beginning', () => {
  const { at, connection, onHeld } = checking();
  at(1, 0);
  at(2, 0);
  connection.bytesReadBeforeRequest = 100;

  expect(at(3, 0)).toEqual({ unread: 3, held: undefined });
  expect(at(4, 0)).toEqual({ unread: 3, held: 3 });
  expect(onHeld).toHaveBeenCalledTimes(2);
});

test('each response that holds its connection is reported until that was of use, and then no more', () => {
  const { at, connection, onHeld } = checking();
  onHeld.mockReturnValueOnce(false).mockReturnValueOnce(false);
  at(1, 0);

  expect(onHeld).not.toHaveBeenCalled();

  for (let now = 2; now < 10; now++) at(now, 0);

  expect(onHeld.mock.calls).toEqual([[connection], [connection], [connection]]);
});

test.each<[string, (connection: Connection) => void]>([
  ['no request', connection => Object.assign(connection, { request: undefined })],
  ['a request that is over', ({ client }) => Object.assign(client ?? {}, { isFinished: () => true })],
  ['streams of HTTP/2', connection => Object.assign(connection, { version: '2' })],
  ['pipelined requests', connection => Object.assign(connection, { earlierRequests: [{}] })],
  ['no socket, because it is closed', connection => Object.assign(connection, { socket: undefined })],
])('a connection with %s is not held', (_what, change) => {
  const { at, connection } = checking();
  change(connection);

  expect(at(1, 0)).toEqual(READ);
  expect(at(2, 0)).toEqual(READ);
});

test('a response that throws is not held, and the fault is reported', () => {
  const { at, client, onFault } = checking();
  Object.assign(client, {
    takenUnread: () => {
      throw new Error('poisoned');
    },
  });

  expect(at(1, 0)).toEqual(READ);
  expect(onFault).toHaveBeenCalledWith('body of a response', expect.any(Error));
});

test('in a tunnel, the socket inside is the one that counts', () => {
  const { at, client, connection } = checking();
  const takenUnread = vi.fn<(request: object, response: unknown, arrived: object) => number | undefined>(() => 0);
  Object.assign(client, { takenUnread });
  const inner = Object.assign(new ReplaySocket(), { bytesRead: 70, readableLength: 7 });
  connection.listenedSocket = inner as never;
  connection.bytesReadBeforeRequest = 20;
  at(1);

  expect(takenUnread).toHaveBeenCalledWith(connection.request, undefined, { bytes: 50, waiting: 7 });
});
