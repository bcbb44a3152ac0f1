import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';

/** What opens connections: an agent of node:http, a dispatcher of undici, or an HTTP/2 session. A bare socket has none. */
export type Owner = 'agent' | 'undici' | 'session' | 'none';

/** Which pool a connection belongs to, as far as its client shows it. */
export interface PoolIdentity {
  readonly owner: Owner;
  /** An object that all connections of the pool share, and no others. Undefined if the client does not show one. */
  readonly pool: object | undefined;
  /** The place in the pool that opened the connection. It opens another one when it has lost its own. */
  readonly slot: (object & { readonly closed?: boolean }) | undefined;
  /** The client makes a new pool by itself when all connections of the old one are lost. */
  readonly isRenewed: boolean;
  /** How many connections to one origin it may have. `Infinity` if that is not limited, or not known. */
  readonly limit: number;
}

/** Reads the client of undici that a socket belongs to. */
export type ReadClient = (socket: Socket) => UndiciClient | undefined;

export type UndiciClient = Pick<EventEmitter, 'listeners' | 'listenerCount'> & {
  /** The Client takes no more requests. */
  readonly closed?: boolean;
};

/** The pool of a request of node:http: its agent. A request without an agent has a connection of its own. */
export function poolOfRequest(agentOrRequest: object, limit = Infinity): PoolIdentity {
  return { owner: 'agent', pool: agentOrRequest, slot: undefined, isRenewed: false, limit };
}

/** A session of HTTP/2 that was made by `http2.connect` is a pool of one connection. */
export function poolOfSession(session: object): PoolIdentity {
  return { owner: 'session', pool: session, slot: undefined, isRenewed: true, limit: Infinity };
}

/** The global dispatcher of undici that emitted `connect` for the connection. The slot is known before. */
export function poolOfDispatcher(dispatcher: object): PoolIdentity {
  return { owner: 'undici', pool: dispatcher, slot: undefined, isRenewed: false, limit: Infinity };
}

/**
 * The pool of a connection of undici.
 *
 * undici publishes only the connector, a function. It stands for a pool if undici made it itself: for a Pool of undici 6, and
 * for a Client that is in no Pool of undici 7 and 8. In a Pool, these make an arrow function for each Client, so the connector
 * stands for a place in the pool.
 *
 * The rest is private to undici: the Client is a property of its socket, and the first listener that a Client has for `connect` is
 * the one of its Pool. `readClient` is undefined if the program does not allow to read this.
 */
export function poolOfConnector(connector: object, socket: Socket, readClient: ReadClient | undefined): PoolIdentity {
  const client = readClient?.(socket);
  if (client === undefined) {
    const pool = isArrowFunction(connector) ? undefined : connector;
    return { owner: 'undici', pool, slot: connector, isRenewed: true, limit: Infinity };
  }
  const parent = parentOf(client);
  // The Agent of undici 7 and 8, whose Clients have `stats`, drops a Pool or a Client with its last connection.
  const isRenewed = parent !== undefined && 'stats' in client;
  return { owner: 'undici', pool: parent ?? client, slot: client, isRenewed, limit: Infinity };
}

/** A Pool or an Agent adds listeners for `connect` and these to each of its Clients, before anybody else can. */
const EVENTS_OF_PARENT = ['disconnect', 'connectionError', 'drain'];

/** What stands for the Pool of a Client, or for its Agent, if that has only one connection per origin. */
function parentOf(client: UndiciClient): object | undefined {
  for (const event of EVENTS_OF_PARENT) if (client.listenerCount(event) === 0) return undefined;
  return client.listeners('connect')[0];
}

function isArrowFunction(connector: object): boolean {
  return typeof connector !== 'function' || !Object.hasOwn(connector, 'prototype');
}

/**
 * The Client of undici 6, 7 and 8 that a socket belongs to. This is the only private property that connmeter reads; it is never
 * written. Undefined if undici has moved it.
 */
export function clientOf(socket: Socket): UndiciClient | undefined {
  for (const symbol of clientSymbols) {
    const client = clientAt(socket, symbol);
    if (client !== undefined) return client;
  }
  for (const symbol of Object.getOwnPropertySymbols(socket)) {
    const client = symbol.description === 'client' ? clientAt(socket, symbol) : undefined;
    if (client === undefined) continue;

    if (clientSymbols.length < MAX_CLIENT_SYMBOLS) clientSymbols.push(symbol);
    return client;
  }
  return undefined;
}

/** The names of that property so far: each copy of undici has its own. To list all symbols of a socket is slow. */
const clientSymbols: symbol[] = [];
const MAX_CLIENT_SYMBOLS = 4;

function clientAt(socket: Socket, symbol: symbol): UndiciClient | undefined {
  const client = (socket as unknown as Record<symbol, Partial<UndiciClient> | null | undefined>)[symbol];
  return typeof client?.listeners === 'function' ? (client as UndiciClient) : undefined;
}
