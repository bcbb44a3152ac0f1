// A custom socket class that observes every call.
import { once } from 'node:events';
import net from 'node:net';
import { listen, print } from '../program-helpers.ts';

class Own extends net.Socket {
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (typeof event === 'string') print('emit', event);
    return super.emit(event as 'close', ...(args as [false]));
  }
  override connect(...args: unknown[]): this {
    print('connect', args.length);
    return Reflect.apply(super.connect, this, args);
  }
  override destroy(error?: Error): this {
    print('destroy', error === undefined);
    return super.destroy(error);
  }
  override pause(): this {
    print('pause');
    return super.pause();
  }
  override resume(): this {
    print('resume');
    return super.resume();
  }
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    print('_destroy');
    super._destroy(error, done);
  }
}
const port = await listen(net.createServer(socket => void socket.on('error', () => {}).end('x')));
const socket = new Own();
socket.connect(port, '127.0.0.1');
await once(socket, 'connect');
for await (const data of socket) print(String(data));
print(socket.destroyed, socket.readableEnded, socket instanceof Own);
