import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type ListenOptions, type Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { PendingHandshakes } from '../../src/server/pending-handshakes.ts';
import { ServedConnection } from '../../src/server/served-connection.ts';

/** Two connections that a real server accepted. */
async function twoConnections(where: ListenOptions): Promise<[ServedConnection, ServedConnection]> {
  const server = createServer().listen(where);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return [await accepted(server), await accepted(server)];
}

async function accepted(server: Server): Promise<ServedConnection> {
  const address = server.address();
  const client = typeof address === 'string' ? connect(address) : connect(address?.port ?? 0, '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [Socket];
  onTestFinished(() => {
    client.destroy();
    socket.destroy();
  });
  return new ServedConnection(socket, server, true, 0);
}

function unixSocketPath(): string {
  const directory = mkdtempSync(join(tmpdir(), 'connmeter-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return join(directory, 'socket');
}

/** The connection that gets the result of a TLS socket; undefined if none does now. */
function settled(pending: PendingHandshakes, { socket, server }: ServedConnection): ServedConnection | undefined {
  let found: ServedConnection | undefined;
  pending.settle(socket, server, connection => {
    found = connection;
  });
  return found;
}

test('a pending connection is found by the addresses of its socket, until it is deleted', async () => {
  const [one, other] = await twoConnections({ host: '127.0.0.1', port: 0 });
  const pending = new PendingHandshakes();
  pending.add(one);
  pending.add(other);
  expect([settled(pending, one), settled(pending, other)]).toEqual([one, other]);

  pending.delete(one);

  expect([settled(pending, one), settled(pending, other)]).toEqual([undefined, other]);
});

test('connections to a Unix socket all have the same addresses, so the oldest one that is pending is found', async () => {
  const [one, other] = await twoConnections({ path: unixSocketPath() });
  const pending = new PendingHandshakes();
  pending.add(one);
  pending.add(other);
  expect(settled(pending, other)).toBe(one);

  pending.delete(one);
  expect(settled(pending, other)).toBe(other);

  pending.delete(other);
  expect(settled(pending, other)).toBeUndefined();
});

describe('without addresses, because the client has reset the connection,', () => {
  const GONE = new Socket();

  /** Pending connections, and the results that they got. */
  async function resetting() {
    const [one, other] = await twoConnections({ host: '127.0.0.1', port: 0 });
    const pending = new PendingHandshakes();
    pending.add(one);
    pending.add(other);
    const results: (readonly [string, ServedConnection, boolean])[] = [];
    const settle = (name: string, server: object = one.server) =>
      pending.settle(GONE, server, (connection, clientLeft) => void results.push([name, connection, clientLeft]));
    return { one, other, pending, results, settle };
  }

  test('a result that comes after the close gets to the connection that was closed first', async () => {
    const { one, other, pending, results, settle } = await resetting();

    expect([pending.closed(other), pending.closed(one)]).toEqual([undefined, undefined]);
    settle('first');
    settle('second');

    expect(results).toEqual([
      ['first', other, true],
      ['second', one, true],
    ]);
  });

  test('a result that comes before the close waits for it', async () => {
    const { one, other, pending, results, settle } = await resetting();

    expect(settle('early')).toBe(true);
    expect(results).toEqual([]);
    pending.closed(other)?.(other, true);

    expect(results).toEqual([['early', other, true]]);
    expect(pending.closed(one)).toBeUndefined();
  });

  test('results of one server do not get to connections of another', async () => {
    const { one, pending, results, settle } = await resetting();
    pending.closed(one);

    expect(settle('stranger', {})).toBe(false);

    expect(results).toEqual([]);
  });

  test('no more results wait than connections are pending', async () => {
    const { one, other, pending, results, settle } = await resetting();

    expect([settle('one'), settle('two'), settle('three')]).toEqual([true, true, false]);
    pending.delete(one);
    pending.closed(other)?.(other, true);

    expect(results).toEqual([['one', other, true]]);
    expect(settle('four')).toBe(true);
    pending.delete(other);
    expect(settle('five')).toBe(false);
  });

  test('a connection that is no longer pending gets no result', async () => {
    const { one, other, pending, results, settle } = await resetting();
    pending.closed(one);
    pending.closed(other);

    pending.delete(one);
    settle('late');

    expect(results).toEqual([['late', other, true]]);
  });
});
