import { channel } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Attributes } from '@opentelemetry/api';
import { onTestFinished } from 'vitest';
import { CallSites } from '../../src/call-sites.ts';
import { listen } from '../../src/channels.ts';
import { Connections } from '../../src/connections.ts';
import type { Guard } from '../../src/guard.ts';
import { Ledger } from '../../src/ledger.ts';
import { Lookups } from '../../src/lookups.ts';
import { httpSource } from '../../src/sources/http.ts';
import { http2Source } from '../../src/sources/http2.ts';
import { netSource } from '../../src/sources/net.ts';
import { undiciSource } from '../../src/sources/undici.ts';

/** Speaks as a socket does, when told to. */
export class ReplaySocket extends EventEmitter {
  connecting = false;
  closed = false;
  encrypted: true | undefined;
  localAddress: string | undefined;
  localPort: number | undefined;
  remoteAddress: string | undefined;
  remotePort: number | undefined;
  alpnProtocol: string | false = false;
  bytesRead = 0;
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
  /** Brought up to date, as before a snapshot. */
  readonly ledger: Ledger;
  readonly durations: Duration[];
  /** The ledger as it is when nobody looks. */
  readonly unread: Ledger;
  /** The clock, in seconds. */
  now: number;
  /** Stops listening; the end of the test does too. */
  stop(): void;
  /** Ends the turn: what comes next was called from elsewhere. */
  endTurn(): void;
  /** Lets the event loop come round: what a client frees late is free now. */
  endRound(): void;
  /** What the ledger says of an origin: plain numbers. */
  tally(address: string, port?: number, http?: boolean): Record<string, number>;
  /** For what reasons connections to an origin were closed, and how many for each. */
  closedFor(address: string, port?: number, http?: boolean): Record<string, number>;
}

/** The parts wired as in production, with a clock and a turn that the test moves. A fault fails the test. */
export function replaying({ maxOrigins = 100 } = {}): Replay {
  const durations: Duration[] = [];
  const record = (metric: string, seconds: number, attributes: Attributes) =>
    void durations.push({ metric, seconds, attributes });
  const ledger = new Ledger(maxOrigins);
  const lookups = new Lookups(ledger, record);
  let turn: (() => void) | undefined;
  const rounds: (() => void)[] = [];
  const callSites = new CallSites(
    true,
    () => {},
    () => {},
  );
  const connections = new Connections({
    callSites,
    ledger,
    lookups,
    record,
    now: () => replay.now,
    atEndOfTurn: run => () => {
      turn = run;
    },
    inNextRound: run => {
      rounds.push(run);
    },
  });
  const failLoudly: Guard = (_where, run) =>
    function (...args) {
      run.apply(this, args);
    };

  const stop = listen(
    failLoudly,
    netSource(connections, failLoudly),
    undiciSource(connections),
    httpSource(connections, callSites, failLoudly),
    http2Source(connections, failLoudly),
  );
  onTestFinished(stop);

  const replay: Replay = {
    connections,
    get ledger() {
      connections.snapshot(); // brings it up to date
      return ledger;
    },
    unread: ledger,
    get durations() {
      connections.snapshot();
      return durations;
    },
    now: 0,
    stop,
    endRound() {
      for (const run of rounds.splice(0)) run();
    },
    endTurn() {
      turn?.();
      turn = undefined;
    },
    tally(address, port, http = true) {
      connections.takeStock();
      const tally = ledger.tally({ address, port }, http);
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
      const closed = replay.ledger.tally({ address, port }, http).allClosed.filter(({ value }) => value > 0);
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

/** A socket on which `connect` was just called. */
export function attempt(socket = new ReplaySocket()): ReplaySocket & Socket {
  socket.connecting = true;
  publish('net.client.socket', { socket });
  return socket as ReplaySocket & Socket;
}

/** The socket dials an address, once, and is connected. */
export function connect(socket: ReplaySocket, address = '127.0.0.1', port = 80): void {
  socket.emit('connectionAttempt', address, port, address.includes(':') ? 6 : 4);
  socket.connecting = false;
  socket.emit('connect');
}

export function close(socket: ReplaySocket, error?: Error): void {
  socket.connecting = false;
  if (error) {
    socket.errored ??= error;
    socket.once('error', () => {});
    socket.emit('error', error);
  }
  socket.closed = true;
  socket.emit('close', error !== undefined);
}

export function failure(code: string, syscall?: string): Error {
  return Object.assign(new Error(code), { code, syscall });
}
