import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import type { TlsOptions } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Certificate } from './certificates.ts';

export interface ServerOptions {
  /** `silent` never answers; `rude` closes at the first data; `http10` speaks HTTP/1.0; `frozen` listens but never accepts. */
  readonly kind:
    | 'http'
    | 'https'
    | 'http2'
    | 'http2c'
    | 'tcp'
    | 'tls'
    | 'http10'
    | 'silent'
    | 'rude'
    | 'frozen'
    | 'redis'
    | 'grpc';
  /** Address to listen on. Default: 127.0.0.1. */
  readonly host?: string;
  /** Default: a free port. */
  readonly port?: number;
  /** Path of a Unix socket to listen on instead. */
  readonly path?: string;
  readonly certificate?: Certificate;
  readonly tlsOptions?: Pick<TlsOptions, 'minVersion' | 'maxVersion'>;
  readonly keepAliveTimeout?: number;
}

/** What the server itself counted; connmeter's counts are compared with it. */
export interface Seen {
  accepts: number;
  /** Completed TLS handshakes, and how many of them resumed a session. */
  secured: number;
  resumed: number;
  requests: number;
  /** Connections open now. */
  open: number;
  /** CONNECT requests. */
  connects: number;
}

export interface Server {
  readonly port: number;
  seen(): Promise<Seen>;
  /** Closes every connection from the server's side; the server keeps running. */
  drop(): Promise<Seen>;
  /** Closes every connection, and counts from zero again. */
  reset(): Promise<Seen>;
  /** Ends the process; its port then refuses connections. */
  stop(): Promise<void>;
}

/** A name that the resolver rejects without a DNS query: its label is too long. */
export const NO_SUCH_NAME = `${'x'.repeat(64)}.invalid`;

/** Starts a server in another process. It also supports CONNECT and an echo upgrade. It ends with the test. */
export async function server(options: ServerOptions): Promise<Server> {
  return startServer(options, onTestFinished);
}

/** The same for several tests. `atEnd` gets a function that ends it. */
export async function startServer(options: ServerOptions, atEnd: (end: () => void) => void): Promise<Server> {
  const child = fork(
    fileURLToPath(new URL('./server-process.ts', import.meta.url)),
    [JSON.stringify({ host: '127.0.0.1', ...options })],
    { execArgv: ['--disable-warning=ExperimentalWarning'] },
  );
  atEnd(() => {
    child.kill();
    if (options.path !== undefined) rmSync(options.path, { force: true });
  });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const ask = async (question: 'seen' | 'drop' | 'reset') => {
    child.send(question);
    const [seen] = (await once(child, 'message')) as [Seen];
    return seen;
  };
  const stop = async () => {
    const exit = once(child, 'exit');
    child.kill();
    await exit;
  };
  return { port, seen: () => ask('seen'), drop: () => ask('drop'), reset: () => ask('reset'), stop };
}
