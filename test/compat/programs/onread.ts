// A socket that reads into the program's buffer, and pauses when its callback returns false.
import { once } from 'node:events';
import net from 'node:net';
import { listen, print, printEvents } from '../program-helpers.ts';

const port = await listen(net.createServer(socket => void socket.on('error', () => {}).end('x'.repeat(100_000))));
const buffer = Buffer.alloc(4096);
let bytes = 0;
let pauses = 0;
const socket = net.connect({
  port,
  host: '127.0.0.1',
  onread: {
    buffer,
    callback(size, into) {
      bytes += size;
      if (into !== buffer) print('another buffer');
      if (bytes < 50_000 || pauses > 0) return true;
      pauses++;
      setImmediate(() => socket.resume());
      return false;
    },
  },
});
printEvents('socket', socket, 'connect', 'ready', 'data', 'end', 'close');
await once(socket, 'close');
print(bytes, pauses, socket.bytesRead);
