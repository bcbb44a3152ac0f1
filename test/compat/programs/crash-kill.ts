// Ends with a signal while connections are open.
import { once } from 'node:events';
import net from 'node:net';
import { listen, print } from '../program-helpers.ts';

const port = await listen(net.createServer());
const socket = net.connect(port, '127.0.0.1');
await once(socket, 'connect');
print('connected');
process.kill(process.pid, 'SIGTERM');
setTimeout(() => print('never'), 5000);
