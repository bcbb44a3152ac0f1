import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { CHANNELS, HTTP_SOCKET_EVENTS, SOCKET_EVENTS } from '../../bench/variants.ts';
import { httpSource } from '../../src/client/sources/http.ts';
import { http2Source } from '../../src/client/sources/http2.ts';
import { netSource } from '../../src/client/sources/net.ts';
import { undiciSource } from '../../src/client/sources/undici.ts';
import type { Handlers } from '../../src/core/channels.ts';
import { guardWith } from '../../src/core/guard.ts';

test('the no-op variant subscribes to the same channels and events as connmeter', () => {
  const socket = new Socket();
  const tunnels = { isInside: () => false };
  const connections = { attempted: () => {}, requestCreated: () => socket, tunnels } as never;
  const callSites = { requestCreated: () => {} } as never;
  const guard = guardWith((_where, error) => {
    throw error;
  });
  const sources: Handlers[] = [
    netSource(connections, guard),
    undiciSource(connections, callSites, undefined, guard),
    httpSource(connections, callSites, guard),
    http2Source(connections, guard),
  ];
  const heard = () => socket.eventNames().map(event => `${String(event)} ${socket.listenerCount(event)}`);
  const before = heard();
  const more = () =>
    heard()
      .filter(event => !before.includes(event))
      .toSorted();

  expect(sources.flatMap(source => Object.keys(source)).toSorted()).toEqual([...CHANNELS].toSorted());
  sources[0]?.['net.client.socket']?.({ socket } as never);
  const ofAll = more();
  sources[2]?.['http.client.request.created']?.({ request: {} } as never);
  const ofHttp = more();

  expect(ofAll.map(event => event.split(' ')[0])).toEqual([...SOCKET_EVENTS].toSorted());
  expect(ofHttp.map(event => event.split(' ')[0])).toEqual(
    [...SOCKET_EVENTS.slice(0, -1), ...HTTP_SOCKET_EVENTS].toSorted(),
  );
});
