import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import {
  clientOf,
  poolOfConnector,
  poolOfDispatcher,
  poolOfRequest,
  poolOfSession,
} from '../../../src/client/attribution/pool-identity.ts';

// What real sockets show is in test/live/pool-identity.test.ts.

const EVENTS = ['connect', 'disconnect', 'connectionError', 'drain'];
const SOCKET = {} as Socket;
const UNLIMITED = { limit: Infinity };

/** A Client of undici, whose parent listens to these events. */
function clientWith(events: readonly string[], parent: () => void, more: object = {}) {
  const client = new EventEmitter();
  for (const event of events) client.on(event, event === 'connect' ? parent : () => {});
  return Object.assign(client, more);
}

test('an agent, a dispatcher and a session are pools; only a session makes its connection anew', () => {
  const pool = {};

  expect(poolOfRequest(pool)).toEqual({ owner: 'agent', pool, slot: undefined, isRenewed: false, ...UNLIMITED });
  expect(poolOfDispatcher(pool)).toEqual({ owner: 'undici', pool, slot: undefined, isRenewed: false, ...UNLIMITED });
  expect(poolOfSession(pool)).toEqual({ owner: 'session', pool, slot: undefined, isRenewed: true, ...UNLIMITED });
});

test('a Client in a Pool is a place in it, and the listener of the Pool stands for the Pool', () => {
  const parent = () => {};
  const client = clientWith(EVENTS, parent, { stats: {} });
  client.on('connect', () => {}); // the program's own

  expect(
    poolOfConnector(
      () => {},
      SOCKET,
      () => client,
    ),
  ).toEqual({
    owner: 'undici',
    pool: parent,
    slot: client,
    isRenewed: true,
    ...UNLIMITED,
  });
});

test('undici 6, whose Clients have no `stats`, does not make a Pool anew', () => {
  const client = clientWith(EVENTS, () => {});

  expect(
    poolOfConnector(
      () => {},
      SOCKET,
      () => client,
    ),
  ).toMatchObject({ slot: client, isRenewed: false });
});

test('a Client that only the program listens to is a pool of its own', () => {
  const client = clientWith(['connect', 'disconnect'], () => {}, { stats: {} });

  expect(
    poolOfConnector(
      () => {},
      SOCKET,
      () => client,
    ),
  ).toEqual({
    owner: 'undici',
    pool: client,
    slot: client,
    isRenewed: false,
    ...UNLIMITED,
  });
});

test('without the Client, a function of undici itself stands for a pool, and an arrow function for a place in one', () => {
  function connector() {}
  const arrow = () => {};

  expect(poolOfConnector(connector, SOCKET, undefined)).toMatchObject({ pool: connector, slot: connector });
  expect(poolOfConnector(connector, SOCKET, () => undefined)).toMatchObject({ pool: connector, isRenewed: true });
  expect(poolOfConnector(arrow, SOCKET, undefined)).toMatchObject({ pool: undefined, slot: arrow });
  expect(poolOfConnector({ prototype: {} }, SOCKET, undefined)).toMatchObject({ pool: undefined });
});

test('the Client of a socket is found by the description of its symbol, if it looks like one', () => {
  const client = clientWith(EVENTS, () => {});
  const socketWith = (description: string, value: unknown) =>
    ({ [Symbol('parser')]: client, [Symbol(description)]: value }) as unknown as Socket;

  expect(clientOf(socketWith('client', client))).toBe(client);
  expect(clientOf(socketWith('other', client))).toBeUndefined();
  expect(clientOf(socketWith('client', null))).toBeUndefined();
  expect(clientOf(socketWith('client', { listeners: 1 }))).toBeUndefined();
});
