// The judge's own log of what happens to connections, from public channels, events and properties. connmeter plays no part in it.
// Imported before connmeter, so that the judge takes the time of an attempt just before connmeter does.
import { subscribe } from 'node:diagnostics_channel';
import type http from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Dispatcher } from 'undici';

/** A connection that was attempted. Times are in seconds. */
export interface Logged {
  readonly id: number;
  readonly started: number;
  /** When TCP was connected; undefined until then. */
  connected: number | undefined;
  /** It can be used: TLS is done too. */
  opened: boolean;
  closed: number | undefined;
  /** When it was first seen destroyed, which may be earlier. */
  destroyed: number | undefined;
  /** The port of the server, and the address and port of the client, from the connect on. */
  port: number;
  local: string;
  /** Its place in the pool: the client of undici that opened it, or undefined. */
  slot: object | undefined;
}

/** What the judge knew about an open or opening connection when another one was attempted. */
export interface Standing {
  readonly connection: Logged;
  /** It is destroyed, ended, or its client is closed. */
  readonly leaving: boolean;
  /** It has had a request, and no request is on it. */
  readonly idle: boolean;
}

export type Entry =
  | { readonly type: 'attempt'; readonly connection: Logged; readonly others: readonly Standing[] }
  | { readonly type: 'close'; readonly connection: Logged };

interface Live {
  readonly logged: Logged;
  readonly socket: Socket;
  busy: number;
  requests: number;
}

export interface Log {
  readonly connections: Logged[];
  readonly entries: Entry[];
  /** Notes which connections are destroyed now. connmeter counts them as closed when it takes a snapshot. */
  noteDestroyed(): void;
  /** Notes which client of undici opens each connection of this agent or pool. */
  watch(dispatcher: Dispatcher): void;
  /** Notes the idle sockets of this agent of node:http. */
  watchAgent(agent: http.Agent): void;
}

const seconds = () => performance.now() / 1000;

let started = 0;
subscribe('net.client.socket', () => {
  started = seconds();
});

/** `onClose` is called at each close. */
export function startLog(onClose: () => void): Log {
  const connections: Logged[] = [];
  const entries: Entry[] = [];
  const live = new Map<Socket, Live>();
  const byRequest = new WeakMap<object, Live>();
  const agents = new Set<http.Agent>();
  let latest: Live | undefined;

  const isFree = (socket: Socket) =>
    [...agents].some(agent => Object.values(agent.freeSockets).some(free => free?.includes(socket)));
  const noteIfDestroyed = ({ logged, socket }: Live) => {
    if (socket.destroyed) logged.destroyed ??= seconds();
  };
  const standingOf = (each: Live): Standing => {
    noteIfDestroyed(each);
    const { logged, socket, busy, requests } = each;
    const { closed: slotClosed } = (logged.slot ?? {}) as { closed?: boolean };
    return {
      connection: logged,
      leaving: socket.destroyed || socket.writableEnded || slotClosed === true,
      idle: (requests > 0 && busy === 0) || isFree(socket),
    };
  };

  subscribe('net.client.socket', message => {
    const { socket } = message as { socket: Socket };
    const logged: Logged = {
      id: connections.length,
      started,
      connected: undefined,
      opened: false,
      closed: undefined,
      destroyed: undefined,
      port: 0,
      local: '',
      slot: undefined,
    };
    const others = Array.from(live.values(), standingOf);
    connections.push(logged);
    entries.push({ type: 'attempt', connection: logged, others });
    live.set(socket, { logged, socket, busy: 0, requests: 0 });
    const isTls = (socket as Partial<TLSSocket>).encrypted === true;
    socket.prependOnceListener('connect', () => {
      logged.connected = seconds();
      logged.opened = !isTls;
      logged.port = socket.remotePort ?? 0;
      logged.local = `${socket.localAddress} ${socket.localPort}`;
    });
    if (isTls) {
      socket.prependOnceListener('secureConnect', () => {
        logged.opened = true;
      });
    }
    socket.prependOnceListener('close', () => {
      logged.closed = seconds();
      logged.destroyed ??= logged.closed;
      live.delete(socket);
      entries.push({ type: 'close', connection: logged });
      if (logged.opened) onClose();
    });
  });
  subscribe('undici:client:connected', message => {
    latest = live.get((message as { socket: Socket }).socket);
  });
  subscribe('undici:client:sendHeaders', message => {
    const { request, socket } = message as { request: object; socket: Socket };
    const connection = live.get(socket);
    if (connection === undefined) return;

    connection.busy++;
    connection.requests++;
    byRequest.set(request, connection);
  });
  const finished = (message: unknown) => {
    const { request } = message as { request: object };
    const connection = byRequest.get(request);
    if (connection !== undefined) connection.busy--;
    byRequest.delete(request);
  };
  subscribe('undici:request:trailers', finished);
  subscribe('undici:request:error', finished);

  return {
    connections,
    entries,
    noteDestroyed: () => live.forEach(noteIfDestroyed),
    watch(dispatcher) {
      // undici emits this right after `undici:client:connected`, with the agent, the pool and the client.
      dispatcher.on('connect', (_origin, targets) => {
        if (latest !== undefined) latest.logged.slot = targets.at(-1);
      });
    },
    watchAgent: agent => void agents.add(agent),
  };
}
