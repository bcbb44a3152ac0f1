// The judge's own log of what happens to connections, from public channels, events and properties. connmeter plays no part in it.
// Imported before connmeter, because it shares a clock with it: see `sharedTime`.
import { subscribe } from 'node:diagnostics_channel';
import type http from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Dispatcher } from 'undici';

/** A connection that was attempted. */
export interface Logged {
  readonly id: number;
  /** When it was attempted, and when TCP was connected, in seconds. */
  readonly started: number;
  connected: number | undefined;
  /** It can be used: TLS is done too. */
  opened: boolean;
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
  /** Notes which client of undici opens each connection of this agent or pool. */
  watch(dispatcher: Dispatcher): void;
  /** Notes the idle sockets of this agent of node:http. */
  watchAgent(agent: http.Agent): void;
}

const realTime = performance.now.bind(performance);
let stopped: number | undefined;
// connmeter takes this function when it loads, as long as this module loads first.
performance.now = () => stopped ?? realTime();

/**
 * Stops the clock for everybody in this process while an event is published, so that connmeter and the judge take exactly the
 * same time. A connection of a snapshot is then known by how long its connect took. Returns the time in seconds.
 */
function stopClock(): number {
  stopped = realTime();
  return stopped / 1000;
}

/** The same, but no earlier connect took exactly as long. */
function stopClockSince(started: number): number {
  let connected = stopClock();
  while (durations.has(connected - started)) {
    stopped = (stopped ?? 0) + NANOSECOND;
    connected = stopped / 1000;
  }
  durations.add(connected - started);
  return connected;
}

const durations = new Set<number>();
/** In milliseconds. */
const NANOSECOND = 0.000_001;

function startClock(): void {
  stopped = undefined;
}

let isLogging = false;
let started = 0;
subscribe('net.client.socket', () => {
  if (isLogging) started = stopClock(); // started again below, after connmeter has read it
});

/** `onClose` is called at each close. */
export function startLog(onClose: () => void): Log {
  const connections: Logged[] = [];
  const entries: Entry[] = [];
  const live = new Map<Socket, Live>();
  const byRequest = new WeakMap<object, Live>();
  const agents = new Set<http.Agent>();
  let latest: Live | undefined;
  isLogging = true;

  const isFree = (socket: Socket) =>
    [...agents].some(agent => Object.values(agent.freeSockets).some(free => free?.includes(socket)));
  const standingOf = ({ logged, socket, busy, requests }: Live): Standing => {
    const { closed: slotClosed } = (logged.slot ?? {}) as { closed?: boolean };
    return {
      connection: logged,
      leaving: socket.destroyed || socket.writableEnded || slotClosed === true,
      idle: (requests > 0 && busy === 0) || isFree(socket),
    };
  };

  subscribe('net.client.socket', message => {
    startClock();
    const { socket } = message as { socket: Socket };
    const logged: Logged = {
      id: connections.length,
      started,
      connected: undefined,
      opened: false,
      port: 0,
      local: '',
      slot: undefined,
    };
    const others = Array.from(live.values(), standingOf);
    connections.push(logged);
    entries.push({ type: 'attempt', connection: logged, others });
    live.set(socket, { logged, socket, busy: 0, requests: 0 });
    const isTls = (socket as Partial<TLSSocket>).encrypted === true;
    // The first and the last of the listeners at this time: connmeter's is between them.
    socket.prependOnceListener('connect', () => {
      logged.connected = stopClockSince(logged.started);
      logged.opened = !isTls;
      logged.port = socket.remotePort ?? 0;
      logged.local = `${socket.localAddress} ${socket.localPort}`;
    });
    socket.once('connect', startClock);
    if (isTls) {
      socket.prependOnceListener('secureConnect', () => {
        logged.opened = true;
      });
    }
    socket.prependOnceListener('close', () => {
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
    watch(dispatcher) {
      // undici emits this right after `undici:client:connected`, with the agent, the pool and the client.
      dispatcher.on('connect', (_origin, targets) => {
        if (latest !== undefined) latest.logged.slot = targets.at(-1);
      });
    },
    watchAgent: agent => void agents.add(agent),
  };
}
