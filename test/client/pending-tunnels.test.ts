import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { Connection } from '../../src/client/connection.ts';
import { PendingTunnels } from '../../src/client/pending-tunnels.ts';

let reads = 0;

/** A socket that counts how often its local port is read, which is a system call. */
class FakeSocket {
  readonly localAddress = '127.0.0.1';
  readonly remoteAddress = '127.0.0.9';
  readonly remotePort: number;
  destroyed = false;
  bytesRead = 0;
  readonly #localPort: number;

  constructor(localPort: number, remotePort: number) {
    this.#localPort = localPort;
    this.remotePort = remotePort;
    Object.defineProperty(this, 'localPort', {
      get: () => {
        reads++;
        return this.#localPort;
      },
    });
  }
}

const socketTo = (remotePort: number, localPort: number) => new FakeSocket(localPort, remotePort) as unknown as Socket;

function opened(remotePort: number, localPort: number): Connection {
  const connection = new Connection(socketTo(remotePort, localPort), 0);
  connection.port = remotePort;
  connection.opened = 1;
  return connection;
}

test('a TLS socket is inside the connection that has the same addresses', () => {
  const tunnels = new PendingTunnels();
  const [one, other] = [opened(3128, 50_001), opened(3128, 50_002)];
  tunnels.add(one);
  tunnels.add(other);

  expect(tunnels.around(socketTo(3128, 50_002))).toBe(other);
  expect(tunnels.around(socketTo(3128, 50_003))).toBeUndefined();
  expect(tunnels.around(socketTo(3129, 50_002))).toBeUndefined();

  tunnels.delete(other);

  expect(tunnels.around(socketTo(3128, 50_002))).toBeUndefined();
});

test('connections to other ports, and tunnels that are ready, are not looked at', () => {
  const tunnels = new PendingTunnels();
  for (let i = 0; i < 1_000; i++) tunnels.add(opened(5432, 10_000 + i));
  const ready = Array.from({ length: 1_000 }, (_, i) => opened(3128, 20_000 + i));
  for (const each of ready) tunnels.add(each);
  for (const each of ready) tunnels.delete(each);
  const last = opened(3128, 50_001);
  tunnels.add(last);
  reads = 0;

  expect(tunnels.around(socketTo(3128, 50_001))).toBe(last);
  expect(reads).toBeLessThan(10);
});

test('a connection that carried a request is no tunnel', () => {
  const tunnels = new PendingTunnels();
  const used = opened(3128, 50_001);
  tunnels.add(used);
  used.requests = 1;

  expect(tunnels.around(socketTo(3128, 50_001))).toBeUndefined();
});

test('the proxy refused the tunnel of a connection that its client destroyed after an answer', () => {
  const tunnels = new PendingTunnels();
  const [waiting, refused, unanswered] = [opened(3128, 1), opened(3128, 2), opened(3128, 3)];
  for (const each of [waiting, refused, unanswered]) tunnels.add(each);
  Object.assign(refused.socket as object, { destroyed: true, bytesRead: 40 });
  Object.assign(unanswered.socket as object, { destroyed: true });

  expect(tunnels.refusedAt(3128)).toBe(refused);
  expect(tunnels.refusedAt(80)).toBeUndefined();
  expect(tunnels.refused()).toBeUndefined(); // nobody sent CONNECT

  refused.tunnel = 'refused';

  expect(tunnels.refusedAt(3128)).toBeUndefined();
});
