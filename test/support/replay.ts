import { channel } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Attributes } from '@opentelemetry/api';
import { onTestFinished } from 'vitest';
import { CallSites } from '../../src/client/attribution/call-sites.ts';
import { clientOf } from '../../src/client/attribution/pool-identity.ts';
import { Connections } from '../../src/client/connections.ts';
import { httpSource } from '../../src/client/sources/http.ts';
import { http2Source } from '../../src/client/sources/http2.ts';
import { netSource } from '../../src/client/sources/net.ts';
import { undiciSource } from '../../src/client/sources/undici.ts';
import { subscribeAll } from '../../src/core/channels.ts';
import type { Guard } from '../../src/core/guard.ts';
import type { HistogramName } from '../../src/metrics/histograms.ts';
import { Lookups } from '../../src/metrics/lookups.ts';
import { MetricRegistry } from '../../src/metrics/registry.ts';
import type { Storage } from '../../src/metrics/storage.ts';

/** A fake socket that emits what a test wants. */
export class ReplaySocket extends EventEmitter {
  connecting = false;
  /** Without a handle, or connecting. */
  pending = false;
  closed = false;
  encrypted: true | undefined;
  localAddress: string | undefined;
  localPort: number | undefined;
  remoteAddress: string | undefined;
  remotePort: number | undefined;
  alpnProtocol: string | false = false;
  bytesRead = 0;
  bytesWritten = 0;
  readableLength = 0;
  writableEnded = false;
  destroyed = false;
  errored: Error | null = null;
  paused = false;

  isPaused = () => this.paused;

  getProtocol = () => 'TLSv1.3';
  isSessionReused = () => false;
}

export interface Duration {
  readonly metric: string;
  readonly seconds: number;
  readonly attributes: Attributes;
}

export interface Replay {
  readonly connections: Connections;
  /** Refreshed, as before a snapshot. */
  readonly registry: MetricRegistry;
  readonly durations: Duration[];
  /** The registry as it is when nothing collects. */
  readonly unread: MetricRegistry;
  /** The clock, in seconds. */
  now: number;
  /** Unsubscribes, which also happens when the test ends. */
  stop(): void;
  /** Ends the turn of the event loop. */
  endTurn(): void;
  /** The counts of an origin as plain numbers. */
  tally(address: string, port?: number, http?: boolean): Record<string, number>;
  /** Number of closed connections to an origin, by close reason. */
  closedFor(address: string, port?: number, http?: boolean): Record<string, number>;
}

/** The modules wired as in production, with a clock and turns that the test controls. A fault fails the test. */
export function replaying({ maxOrigins = 100, storage }: { maxOrigins?: number; storage?: Storage } = {}): Replay {
  const durations: Duration[] = [];
  const record = (metric: HistogramName, seconds: number, attributes: Attributes) => {
    durations.push({ metric, seconds, attributes });
    registry.histograms.record(metric, seconds, attributes);
  };
  const registry = new MetricRegistry(maxOrigins, undefined, storage);
  const failLoudly: Guard = (_where, run) =>
    function (...args) {
      run.apply(this, args);
    };
  const lookups = new Lookups(registry, record);
  const endOfTurn = new Set<() => void>();
  const callSites = new CallSites(true, () => {});
  const connections = new Connections({
    callSites,
    registry,
    lookups,
    record,
    now: () => replay.now,
    guard: failLoudly,
    asMicrotask: run => () => void endOfTurn.add(run),
    inNextLoop: run => void endOfTurn.add(run),
  });
  const stops = [
    netSource(connections, failLoudly),
    undiciSource(connections, callSites, clientOf, failLoudly),
    httpSource(connections, callSites, failLoudly),
    http2Source(connections, failLoudly),
  ].map(table => subscribeAll(failLoudly, table));
  const stop = () => {
    for (const each of stops) each();
  };
  onTestFinished(stop);

  const replay: Replay = {
    connections,
    get registry() {
      connections.snapshot(); // refreshes it
      return registry;
    },
    unread: registry,
    get durations() {
      connections.snapshot();
      return durations;
    },
    now: 0,
    stop,
    endTurn() {
      for (const run of endOfTurn) {
        endOfTurn.delete(run);
        run();
      }
    },
    tally(address, port, http = true) {
      connections.refreshGauges();
      const tally = registry.originCounts({ address, port }, http);
      const inUse = tally.allInUse;
      const sum = (counts: readonly { value: number }[]) => counts.reduce((total, { value }) => total + value, 0);
      return {
        opened: sum(tally.allOpened),
        closed: sum(tally.allClosed),
        failed: sum(tally.failures),
        fresh: tally.requests.fresh.value,
        reused: tally.requests.reused.value,
        active: sum(inUse.map(({ active }) => active)),
        idle: sum(inUse.map(({ idle }) => idle)),
        requests: sum(inUse.map(({ requests }) => requests)),
      };
    },
    closedFor(address, port, http = true) {
      const closed = replay.registry.originCounts({ address, port }, http).allClosed.filter(({ value }) => value > 0);
      return Object.fromEntries(
        closed.map(({ attributes, value }) => [String(attributes['connmeter.close.reason']), value]),
      );
    },
  };
  return replay;
}

/** Publishes on the real channel, as Node and undici do. */
export function publish(name: string, message: object): void {
  channel(name).publish(message);
}

/** A socket whose `connect` was just called. Node publishes this before it changes the socket. */
export function attempt(socket = new ReplaySocket()): ReplaySocket & Socket {
  publish('net.client.socket', { socket });
  Object.assign(socket, { connecting: true, pending: true, closed: false, destroyed: false, errored: null });
  return socket as ReplaySocket & Socket;
}

/** What the tests dial at a port, if they give an address. */
const NAMES: Readonly<Record<number, string>> = { 8080: 'a.test' };

/** The socket looks the name up, makes one connection attempt, and is connected. No name: it dials the address. */
export function connect(socket: ReplaySocket, given?: string, port = 80): void {
  const address = given ?? '127.0.0.1';
  const name = given === undefined ? 'a.test' : NAMES[port];
  if (name !== undefined) socket.emit('lookup', null, address, 4, name);
  socket.emit('connectionAttempt', address, port, address.includes(':') ? 6 : 4);
  Object.assign(socket, { connecting: false, pending: false });
  socket.emit('connect');
}

/** Destroys the socket. Its 'close' is still to come. */
export function destroy(socket: ReplaySocket, error?: Error): void {
  socket.errored ??= error ?? null;
  Object.assign(socket, { connecting: false, pending: true, closed: true, destroyed: true });
}

export function close(socket: ReplaySocket, error?: Error): void {
  destroy(socket, error);
  if (error) {
    socket.once('error', () => {});
    socket.emit('error', error);
  }
  socket.emit('close', error !== undefined);
}

/** An error of Node, or of the operating system if it names the system call. */
export function failure(code: string, syscall?: string): Error {
  return Object.assign(new Error(code), { code, syscall });
}
