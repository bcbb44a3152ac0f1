// Listeners that return rejected promises, with captureRejections: an unhandled error event.
import { once } from 'node:events';
import net from 'node:net';
import { listen, print } from '../program-helpers.ts';

const port = await listen(net.createServer(socket => void socket.on('error', () => {})));
const heard = new net.Socket({ captureRejections: true } as net.SocketConstructorOpts).connect(port, '127.0.0.1');
heard.on('connect', async () => {
  throw new Error('heard');
});
const [error] = await once(heard, 'error');
print(String(error), heard.destroyed);
const crashing = new net.Socket({ captureRejections: true } as net.SocketConstructorOpts).connect(port, '127.0.0.1');
crashing.on('connect', async () => {
  throw new Error('not heard');
});
process.on('exit', code => print('exit', code));
