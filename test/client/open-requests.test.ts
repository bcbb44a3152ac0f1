import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Connection } from '../../src/client/connection.ts';
import { OpenRequests } from '../../src/client/open-requests.ts';
import { ReplaySocket } from '../support/replay.ts';

const connection = () => new Connection(new ReplaySocket() as never, 0);

test.each([1, 16, 17, 100])('of %i open requests, each is found with its connection, until it is over', count => {
  const open = new OpenRequests();
  const all = Array.from({ length: count }, () => ({ request: {}, connection: connection() }));
  for (const { request, connection } of all) open.add(request, connection);

  expect(open.size).toBe(count);
  expect(all.every(({ request, connection }) => open.connectionOf(request) === connection)).toBe(true);
  expect(all.every(({ request, connection }) => open.remove(request) === connection)).toBe(true);
  expect(all.some(({ request }) => open.remove(request) !== undefined)).toBe(false);
  expect(open.size).toBe(0);
});

test('in whatever order requests begin and end, those that are open are found, and no other', () => {
  const step = fc.record({ begins: fc.boolean(), which: fc.nat(1_000) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), steps => {
      const open = new OpenRequests();
      const model = new Map<object, Connection>();
      const over: object[] = [];
      for (const { begins, which } of steps) {
        const request = [...model.keys()][which % Math.max(1, model.size)];
        if (begins || request === undefined) {
          const [begun, on] = [{}, connection()];
          open.add(begun, on);
          model.set(begun, on);
        } else {
          expect(open.remove(request)).toBe(model.get(request));
          model.delete(request);
          over.push(request);
        }
      }

      expect(open.size).toBe(model.size);
      for (const [request, on] of model) expect(open.connectionOf(request)).toBe(on);
      for (const request of over) expect(open.connectionOf(request)).toBeUndefined();
    }),
  );
});

test('a connection that is closed takes all its requests along, and no others', () => {
  const open = new OpenRequests();
  const [closed, other] = [connection(), connection()];
  const requests = Array.from({ length: 40 }, () => ({}));
  for (const [i, request] of requests.entries()) open.add(request, i % 2 === 0 ? closed : other);
  closed.earlierRequests = requests.filter((_, i) => i % 2 === 0 && i < 38);
  closed.request = requests[38];

  open.removeAllOf(closed);

  expect(requests.map(request => open.connectionOf(request))).toEqual(
    requests.map((_, i) => (i % 2 === 0 ? undefined : other)),
  );
  expect(open.size).toBe(20);
});

test('a request that is sent again is on the connection it was sent on last', () => {
  const open = new OpenRequests();
  const [lost, next, request] = [connection(), connection(), {}];
  open.add(request, lost);
  open.add(request, next);

  expect(open.connectionOf(request)).toBe(next);
  open.removeAllOf(lost);
  expect(open.remove(request)).toBe(next);
  expect(open.size).toBe(0);
});

test('CONNECT and upgrades are found, and not kept', () => {
  const open = new OpenRequests();
  const [request, tunnel] = [{}, connection()];

  open.addTakeover(request, tunnel);

  expect(open.size).toBe(0);
  expect(open.connectionOf(request)).toBe(tunnel);
  expect(open.remove(request)).toBe(tunnel);
  open.clear();
  expect(open.connectionOf(request)).toBeUndefined();
});
