import http from 'node:http';
import net from 'node:net';
import { setTimeout as passed } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { ConnectionInstrumentation } from '../../src/index.ts';
import { instrument } from '../support/instrument.ts';
import { server } from '../support/server.ts';

/** Nothing collects from it. */
function withoutProvider(): ConnectionInstrumentation {
  const instrumentation = new ConnectionInstrumentation();
  onTestFinished(() => instrumentation.disable());
  return instrumentation;
}

test('without a MeterProvider, two snapshots find held bodies, and the lines whose requests wait for them', async () => {
  const { port } = await server({ kind: 'http' });
  const { connections } = withoutProvider();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
  onTestFinished(() => agent.destroy());
  const ask = () =>
    new Promise(resolve => http.get(`http://127.0.0.1:${port}`, { agent }, resolve).on('error', () => {}));
  await Promise.all([ask(), ask()]);

  const first = connections.snapshot();
  await passed(600);
  const second = connections.snapshot();
  ask().catch(() => {});
  const third = connections.snapshot();

  expect(first.live.map(({ heldFor }) => heldFor)).toEqual([undefined, undefined]);
  expect(second.live.map(({ heldFor }) => heldFor)).toEqual([expect.closeTo(0.6, 0), expect.closeTo(0.6, 0)]);
  expect([first, second].map(({ callSites }) => callSites)).toEqual([[], []]);
  expect(third.callSites).toMatchObject([{ problem: 'pool_held', address: '127.0.0.1', port, count: 1 }]);
});

test('snapshots change nothing of what a collection finds', async () => {
  const { port } = await server({ kind: 'http' });
  const { instrumentation, read } = instrument();
  const agent = new http.Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  await new Promise(resolve => http.get(`http://127.0.0.1:${port}`, { agent }, resolve));
  instrumentation.connections.snapshot();
  await passed(600);

  for (let i = 0; i < 3; i++) instrumentation.connections.snapshot();

  expect((await read()).countsOf(port)).toMatchObject({ opened: 1, active: 1, idle: 0, requests: 1 });
  expect((await read()).value('connmeter.body.held', { 'server.port': port })).toBe(1);
});

test('a socket that one instrumentation opens for itself is not measured by the others', async () => {
  const { port } = await server({ kind: 'tcp' });
  const [own, other] = [withoutProvider(), withoutProvider()];
  const connect = () =>
    new Promise<void>(resolve => {
      const socket = own.openUnmeasured(() => net.connect(port, '127.0.0.1', resolve));
      onTestFinished(() => void socket.destroy());
    });

  await connect();

  expect([own, other].map(each => each.connections.snapshot().live)).toEqual([[], []]);

  const socket = net.connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());

  expect([own, other].map(each => each.connections.snapshot().live.length)).toEqual([1, 1]);
});

test('a connection is idle since its last request was over', async () => {
  const { port } = await server({ kind: 'http' });
  const { instrumentation } = instrument();
  const idle = () => instrumentation.connections.snapshot().live.filter(each => each.port === port);

  await (await fetch(`http://127.0.0.1:${port}/`)).text();
  await expect.poll(() => idle().map(({ state }) => state)).toEqual(['idle']);
  await new Promise(resolve => setTimeout(resolve, 200));

  expect(idle()[0]?.idleFor).toBeGreaterThan(0.19);
  const slow = fetch(`http://127.0.0.1:${port}/slow`);
  await expect.poll(() => idle().map(({ state, idleFor }) => [state, idleFor])).toEqual([['active', undefined]]);
  await (await slow).text();
});
