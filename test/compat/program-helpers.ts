// Helpers for the programs of `programs/`: printing a transcript, and servers on a free port of 127.0.0.1.
import { type EventEmitter, once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';

export { freePort } from '../support/free-port.ts';

/** Prints one line of the transcript. */
export const print = (...words: unknown[]) => console.log(...words);

/** Prints each of these events of the emitter, in order. */
export function printEvents(name: string, emitter: EventEmitter, ...events: string[]): void {
  for (const event of events) {
    emitter.on(event, (...args: unknown[]) => {
      const words = args.filter(arg => arg instanceof Error || typeof arg === 'boolean').map(describeError);
      print(name, event, ...words);
    });
  }
}

/** Describes an error without what differs between runs. Other values are returned unchanged. */
export function describeError(what: unknown): unknown {
  if (!(what instanceof Error)) return what;

  const { code, cause } = what as NodeJS.ErrnoException;
  const message = what.message.replace(/[0-9A-F]{16}:error:.*/g, 'an error of OpenSSL').replace(/:\d{4,5}\b/g, ':port');
  return `${what.name} ${code ?? '-'} ${message}${cause === undefined ? '' : ` <- ${describeError(cause)}`}`;
}

/** Starts a server and returns its port. The server and its connections do not keep the process alive. */
export async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  server.on('connection', (socket: Partial<Socket>) => socket.unref?.()); // may be any stream
  server.listen(0, host);
  await once(server, 'listening');
  server.unref();
  return (server.address() as AddressInfo).port;
}

/** Waits for some turns of the event loop. */
export async function eventLoopTurns(count = 3): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve));
}

/** A self-signed certificate for localhost and 127.0.0.1. */
export const certificate = JSON.parse(process.env['CERTIFICATE'] ?? '{}') as { key: string; cert: string };
