import { expect, test } from 'vitest';
import { Connection } from '../../src/client/connection.ts';
import { hasTimedOut, Timeouts } from '../../src/client/timeouts.ts';

/** A socket that has sent and received 10 bytes, and its connection. */
function connectionTo(fields: object = {}) {
  const socket = { bytesRead: 4, bytesWritten: 6, destroyed: false, writableEnded: false, ...fields };
  return { socket, connection: new Connection(socket as never, 0) };
}

function timeouts() {
  let queued = 0;
  let endTurn = () => {};
  const made = new Timeouts(run => {
    endTurn = run;
    return () => void queued++;
  });
  return { timeouts: made, endTurn: () => endTurn(), queued: () => queued };
}

test('a timeout ends a connection if nothing is sent or received after the turn in which it expired', () => {
  const { timeouts: all, endTurn } = timeouts();
  const { socket, connection } = connectionTo();

  expect(hasTimedOut(connection)).toBe(false);

  all.expired(connection);
  socket.bytesWritten++; // a farewell

  expect(hasTimedOut(connection)).toBe(true);

  endTurn();

  expect(hasTimedOut(connection)).toBe(true);

  socket.bytesRead++;

  expect(hasTimedOut(connection)).toBe(false);
});

test.each([{ destroyed: true }, { writableEnded: true }])(
  'if the program ends the connection in that turn (%o), what follows does not matter',
  fields => {
    const { timeouts: all, endTurn } = timeouts();
    const { socket, connection } = connectionTo(fields);
    all.expired(connection);
    endTurn();
    socket.bytesRead++;

    expect(hasTimedOut(connection)).toBe(true);
  },
);

test('a connection without its socket has timed out, if it had', () => {
  const { timeouts: all, endTurn } = timeouts();
  const { connection } = connectionTo();
  all.expired(connection);
  connection.socket = undefined;
  endTurn();

  expect(hasTimedOut(connection)).toBe(true);

  connection.timedOut = false;

  expect(hasTimedOut(connection)).toBe(false);
});

test('timeouts of one turn are checked together', () => {
  const { timeouts: all, endTurn, queued } = timeouts();
  const both = [connectionTo(), connectionTo()];
  for (const { connection } of both) all.expired(connection);

  expect(queued()).toBe(1);

  endTurn();
  for (const { socket } of both) socket.bytesRead++;

  expect(both.map(({ connection }) => hasTimedOut(connection))).toEqual([false, false]);

  all.expired(connectionTo().connection);

  expect(queued()).toBe(2);
});
