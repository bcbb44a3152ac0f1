// Ends by a signal, with connections open.
import { once } from 'node:events';
import net from 'node:net';
import { listening, say } from '../kit.ts';

const port = await listening(net.createServer());
const socket = net.connect(port, '127.0.0.1');
await once(socket, 'connect');
say('connected');
process.kill(process.pid, 'SIGTERM');
setTimeout(() => say('never'), 5000);
