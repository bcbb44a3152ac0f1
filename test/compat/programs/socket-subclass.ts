// A socket class of the program's own, which looks at everything that is asked of it.
import { once } from 'node:events';
import net from 'node:net';
import { listening, say } from '../kit.ts';

class Own extends net.Socket {
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (typeof event === 'string') say('emit', event);
    return super.emit(event as 'close', ...(args as [false]));
  }
  override connect(...args: unknown[]): this {
    say('connect', args.length);
    return Reflect.apply(super.connect, this, args);
  }
  override destroy(error?: Error): this {
    say('destroy', error === undefined);
    return super.destroy(error);
  }
  override pause(): this {
    say('pause');
    return super.pause();
  }
  override resume(): this {
    say('resume');
    return super.resume();
  }
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    say('_destroy');
    super._destroy(error, done);
  }
}
const port = await listening(net.createServer(socket => void socket.on('error', () => {}).end('x')));
const socket = new Own();
socket.connect(port, '127.0.0.1');
await once(socket, 'connect');
for await (const data of socket) say(String(data));
say(socket.destroyed, socket.readableEnded, socket instanceof Own);
