import { EventEmitter } from 'node:events';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { attempt, destroy, failure, publish, ReplaySocket, replaying } from '../support/replay.ts';

/** All possible events of a socket, in any order, including orders that Node never emits. */
const WORDS = [
  'attempt',
  'lookup',
  'lookup failed',
  'dial',
  'dial failed',
  'dial timed out',
  'connect',
  'secure',
  'error',
  'destroy',
  'close',
  'late close',
  'handed over',
  'taken by undici',
  'undici request',
  'undici request over',
  'http request',
  'stream starts',
  'stream ends',
  'end of turn',
  'expected by undici',
  'collection',
  'pause',
] as const;

const step = fc.record({ word: fc.constantFrom(...WORDS), socket: fc.nat(3), tls: fc.boolean() });

test('with any events in any order, gauges are never negative and every attempt ends at most once', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const replay = replaying({ maxOrigins: 3 });
      const sockets = Array.from({ length: 4 }, () => new ReplaySocket());
      const sessions = sockets.map(socket => Object.assign(new EventEmitter(), { socket }));
      const requests = sockets.map(() => ({
        origin: 'http://a.test',
        completed: false,
        aborted: false,
        upgrade: null,
      }));
      const connectParams = { hostname: 'a.test', port: '', protocol: 'http:' };
      let attempts = 0;

      for (const { word, socket: index, tls } of steps) {
        const socket = sockets[index] as ReplaySocket;
        const stream = { id: 1, session: sessions[index] };
        switch (word) {
          case 'attempt':
            socket.encrypted = tls ? true : undefined;
            attempts++;
            attempt(socket);
            break;
          case 'lookup':
            socket.emit('lookup', null, '127.0.0.1', 4, 'a.test');
            break;
          case 'lookup failed':
            socket.emit('lookup', failure('ENOTFOUND', 'getaddrinfo'), undefined, undefined, 'a.test');
            break;
          case 'dial':
            socket.emit('connectionAttempt', tls ? '::1' : '127.0.0.1', 80 + index, tls ? 6 : 4);
            break;
          case 'dial failed':
            socket.emit('connectionAttemptFailed', '127.0.0.1', 80, 4, failure('ECONNREFUSED'));
            break;
          case 'dial timed out':
            socket.emit('connectionAttemptTimeout', '127.0.0.1', 80, 4);
            break;
          case 'connect':
            Object.assign(socket, { connecting: false, pending: false });
            socket.emit('connect');
            break;
          case 'secure':
            socket.emit('secureConnect');
            break;
          case 'error':
            socket.once('error', () => {});
            socket.emit('error', failure('ECONNRESET'));
            break;
          case 'destroy':
            destroy(socket);
            break;
          case 'close':
            destroy(socket);
            socket.emit('close');
            break;
          case 'late close':
            socket.emit('close');
            break;
          case 'handed over':
            Object.assign(socket, { connecting: false, pending: true });
            break;
          case 'expected by undici':
            publish('undici:client:beforeConnect', { connectParams, connector: {} });
            break;
          case 'taken by undici':
            publish('undici:client:connected', { connectParams, socket });
            break;
          case 'undici request':
            requests[index] = { origin: 'http://a.test', completed: false, aborted: false, upgrade: null };
            publish('undici:client:sendHeaders', { request: requests[index], socket });
            break;
          case 'undici request over':
            Object.assign(requests[index] as object, { completed: true });
            break;
          case 'http request':
            publish('http.client.request.start', {
              request: {
                socket,
                host: 'b.test',
                protocol: 'http:',
                method: 'GET',
                reusedSocket: tls,
                destroyed: tls,
                getHeader: () => undefined,
              },
            });
            break;
          case 'stream starts':
            publish('http2.client.stream.start', { stream });
            break;
          case 'stream ends':
            publish('http2.client.stream.close', { stream });
            break;
          case 'end of turn':
            replay.endTurn();
            break;
          case 'collection':
            replay.connections.refreshGauges();
            break;
          case 'pause':
            replay.connections.pause();
            break;
        }
      }
      replay.endTurn();
      const live = replay.connections.liveCount;
      const { opened, closed, failed, open, active, idle } = total(replay);

      expect(open + active + idle).toBe(opened - closed);
      expect(opened - closed).toBeGreaterThanOrEqual(0);
      expect(opened - closed).toBeLessThanOrEqual(live);
      expect(opened + failed).toBeLessThanOrEqual(attempts);
      expect(total(replay).negative).toBe(0);

      for (const socket of sockets) {
        destroy(socket);
        socket.emit('close');
      }
      const atLast = total(replay);
      replay.stop();

      expect(atLast).toMatchObject({ closed: atLast.opened, open: 0, active: 0, idle: 0, requests: 0, negative: 0 });
      expect(replay.connections.liveCount).toBe(0);
      expect(replay.registry.lookupsPending.value).toBe(0);
      const pending = replay.registry.allPending;
      expect(pending.flatMap(({ all }) => all).filter(({ value }) => value !== 0)).toEqual([]);
      expect(pending.length).toBeLessThanOrEqual(3 + 1);
      expect(replay.registry.allOriginCounts.length).toBeLessThanOrEqual(3 + 2);
    }),
    { numRuns: 2_000 },
  );
});

function total({ connections, registry }: ReturnType<typeof replaying>) {
  connections.refreshGauges();
  const sums = { opened: 0, closed: 0, failed: 0, open: 0, active: 0, idle: 0, requests: 0, negative: 0 };
  for (const tally of registry.allOriginCounts) {
    for (const { value } of tally.allOpened) sums.opened += value;
    for (const { value } of tally.allClosed) sums.closed += value;
    for (const { value } of tally.failures) sums.failed += value;
    sums.open += tally.open.value;
    for (const { active, idle, requests } of tally.allInUse) {
      sums.active += active.value;
      sums.idle += idle.value;
      sums.requests += requests.value;
      if (Math.min(active.value, idle.value, requests.value) < 0) sums.negative++;
    }
  }
  return sums;
}
