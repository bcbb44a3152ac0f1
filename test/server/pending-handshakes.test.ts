import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
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

test('a pending connection is found by the addresses of its socket, until it is deleted', async () => {
  const [one, other] = await twoConnections({ host: '127.0.0.1', port: 0 });
  const pending = new PendingHandshakes();
  pending.add(one);
  pending.add(other);
  expect([pending.find(one.socket), pending.find(other.socket)]).toEqual([one, other]);

  pending.delete(one);

  expect([pending.find(one.socket), pending.find(other.socket)]).toEqual([undefined, other]);
});

test('connections to a Unix socket all have the same addresses, so the oldest one that is pending is found', async () => {
  const [one, other] = await twoConnections({ path: unixSocketPath() });
  const pending = new PendingHandshakes();
  pending.add(one);
  pending.add(other);
  expect(pending.find(other.socket)).toBe(one);

  pending.delete(one);
  expect(pending.find(other.socket)).toBe(other);

  pending.delete(other);
  expect(pending.find(other.socket)).toBeUndefined();
});
