// The most demanding workloads, replayed on the real channels with fake sockets, as Node and undici publish them.
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { attempt, close, connect, failure, publish, ReplaySocket } from '../../support/replay.ts';

/** A workload: the number of iterations, and what each one does. */
export interface Workload {
  readonly times: number;
  readonly each: (i: number) => void;
}

interface Request {
  method: string;
  origin: string;
  completed: boolean;
  aborted: boolean;
  upgrade: null;
}

/** A TLS socket. */
class SecureReplaySocket extends ReplaySocket {
  override encrypted = true as const;
}

const ADDRESS = '192.0.2.1';
const DNS_CODES = ['ENOTFOUND', 'EAI_AGAIN', 'ESERVFAIL', 'EREFUSED', 'ETIMEOUT', 'ENODATA'];

/** undici opens a connection to a host. Returns its socket, and functions that publish what follows. */
function byUndici(hostname: string, secure: boolean) {
  const connectParams = { hostname, port: '', protocol: secure ? 'https:' : 'http:', version: 'h1' };
  const connector = () => {};
  publish('undici:client:beforeConnect', { connectParams, connector });
  const socket = attempt(secure ? new SecureReplaySocket() : new ReplaySocket());
  return {
    socket,
    connected: () => publish('undici:client:connected', { connectParams, connector, socket }),
    send(): Request {
      const request = { method: 'GET', origin: `http://${hostname}`, completed: false, aborted: false, upgrade: null };
      publish('undici:client:sendHeaders', { request, headers: 'GET / HTTP/1.1\r\n', socket });
      return request;
    },
  };
}

function lookUp(socket: Socket, host: string, error: Error | null): void {
  socket.emit('lookup', error, error ? undefined : ADDRESS, error ? undefined : 4, host);
}

/** One connection in twenty fails in each way that a crawler meets; the others serve one request. */
function crawled(i: number): void {
  const hostname = `host-${i}.test`;
  const { socket, connected, send } = byUndici(hostname, true);
  const fate = i % 20;
  const unknown = fate === 13 ? 'ENOTFOUND' : fate === 14 ? 'EAI_AGAIN' : undefined;
  lookUp(socket, hostname, unknown ? failure(unknown, 'getaddrinfo') : null);
  if (unknown) {
    close(socket, failure(unknown, 'getaddrinfo'));
    return;
  }

  const unreachable = { 15: 'ECONNREFUSED', 16: 'ETIMEDOUT', 17: 'EHOSTUNREACH' }[fate];
  if (unreachable) {
    socket.emit('connectionAttempt', ADDRESS, 443, 4);
    close(socket, failure(unreachable, 'connect'));
    return;
  }
  connect(socket, ADDRESS, 443);
  const untrusted = { 18: 'CERT_HAS_EXPIRED', 19: 'ECONNRESET' }[fate];
  if (untrusted) {
    close(socket, failure(untrusted));
    return;
  }

  socket.emit('secureConnect');
  connected();
  send().completed = true;
  close(socket, failure('UND_ERR_INFO'));
}

const kept: object[] = [];
const session = Object.assign(new EventEmitter(), { socket: undefined as object | undefined });

export const WORKLOADS = {
  hosts: { times: 100_000, each: crawled },

  ports: {
    times: 100_000,
    each(i) {
      const socket = attempt();
      connect(socket, i < 65_535 ? '192.0.2.1' : '192.0.2.2', 1 + (i % 65_535));
      close(socket);
    },
  },

  openings: {
    times: 20_000,
    each() {
      const { socket, connected, send } = byUndici('leaky.test', false);
      lookUp(socket, 'leaky.test', null);
      connect(socket);
      connected();
      kept.push(socket, send());
    },
  },

  // One in ten has its own connection, which closes with it; the others are streams of one HTTP/2 session.
  aborts: {
    times: 1_000_000,
    each(i) {
      if (i % 10 === 0) {
        const { socket, connected, send } = byUndici('slow.test', false);
        connect(socket);
        connected();
        if (i === 0) session.socket = socket; // this connection stays open
        send().aborted = true;
        if (i > 0) close(socket, failure('ABORT_ERR'));
        return;
      }
      const stream = { id: 2 * i + 1, session };
      publish('http2.client.stream.start', { stream });
      publish('http2.client.stream.close', { stream });
    },
  },

  // Hundreds of names fail in many ways, and one error code in eleven is unknown.
  lookups: {
    times: 50_000,
    each(i) {
      const host = i % 2 === 0 ? 'down.test' : `name-${i % 997}.test`;
      const code = i % 11 === 0 ? `E${i}` : (DNS_CODES[Math.floor(i / 7) % DNS_CODES.length] as string);
      const error = failure(code, 'getaddrinfo');
      const socket = i % 3 === 0 ? attempt() : byUndici(host, false).socket;
      lookUp(socket, host, error);
      close(socket, error);
    },
  },

  // Every host fails in every way.
  failures: {
    times: 40_000,
    each(i) {
      const hostname = `host-${i % 200}.test`;
      const { socket } = byUndici(hostname, true);
      const code = `E${Math.floor(i / 200) % 40}`;
      const phase = i % 3;
      lookUp(socket, hostname, phase === 0 ? failure(code, 'getaddrinfo') : null);
      if (phase === 1) socket.emit('connectionAttempt', ADDRESS, 443, 4);
      if (phase === 2) connect(socket, ADDRESS, 443);
      close(socket, failure(code, phase === 0 ? 'getaddrinfo' : 'connect'));
    },
  },
} satisfies Record<string, Workload>;
