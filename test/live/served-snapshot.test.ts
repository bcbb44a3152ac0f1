import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { ServedConnections } from '../../src/index.ts';
import { instrument } from '../support/instrument.ts';

async function listen(server: net.Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.close();
    if (server instanceof http.Server) server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

function connect(port: number): net.Socket {
  const socket = net
    .connect(port, '127.0.0.1')
    .on('error', () => {})
    .resume();
  onTestFinished(() => void socket.destroy());
  return socket;
}

test('a snapshot lists the connections that servers accepted: open ones with their state, closed ones with the reason', async () => {
  const { instrumentation } = instrument();
  const port = await listen(
    http.createServer((request, response) => void (request.url !== '/hang' && response.end('hello'))),
  );
  const served = (): ServedConnections => {
    const { live, closed } = instrumentation.connections.snapshot().served;
    return { live: live.filter(each => each.port === port), closed: closed.filter(each => each.port === port) };
  };

  const idle = connect(port);
  idle.write('GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n');
  await expect.poll(() => served().live.map(({ requests }) => requests)).toEqual([1]);
  const active = connect(port);
  active.write('GET /hang HTTP/1.1\r\nHost: a.test\r\n\r\n');
  await expect.poll(() => served().live.map(({ requests }) => requests)).toEqual([1, 1]);
  await sleep(30);

  const at = { address: '127.0.0.1', port };
  const { live } = served();
  expect(live).toEqual([
    { ...at, state: 'idle', requests: 1, proxied: true, age: expect.any(Number) },
    { ...at, state: 'active', requests: 1, proxied: false, age: expect.any(Number) },
  ]);
  expect(live[1]?.age).toBeGreaterThan(0.02);

  idle.end();
  active.destroy();
  await expect.poll(() => served().live).toEqual([]);
  expect(
    served()
      .closed.map(({ reason, proxied }) => [reason, proxied])
      .toSorted(),
  ).toEqual([
    ['client_aborted', false],
    ['client_closed_idle', true],
  ]);
});

test('the lists are bounded', async () => {
  const { instrumentation } = instrument();
  const port = await listen(net.createServer(socket => void socket.on('error', () => {}).resume()));
  for (let i = 0; i < 150; i++) {
    const socket = connect(port);
    await once(socket, 'connect');
    socket.end();
    await once(socket, 'close');
  }
  const open = Array.from({ length: 1_100 }, () => connect(port));
  await Promise.all(open.map(socket => once(socket, 'connect')));

  await expect.poll(() => instrumentation.connections.snapshot().served.live.length).toBe(1_000);
  expect(instrumentation.connections.snapshot().served.closed).toHaveLength(100);
});

test('without the option `servers`, both are empty', async () => {
  const { instrumentation } = instrument({ servers: false });
  const port = await listen(http.createServer((_request, response) => void response.end()));

  await (await fetch(`http://127.0.0.1:${port}`)).text();

  expect(instrumentation.connections.snapshot().served).toEqual({ live: [], closed: [] });
});
