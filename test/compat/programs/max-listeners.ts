// Listener limits: the program's own limit, the class's default, and the same warnings.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { eventLoopTurns, listen, print } from '../program-helpers.ts';

process.on('warning', ({ name, message }) => print(name, message.replace(/\d+ (\w+) listeners/, 'some $1 listeners')));
const port = await listen(http.createServer((_, response) => response.end('ok')));
const own = net.connect(port, '127.0.0.1').setMaxListeners(3);
print(own.getMaxListeners());
await once(own, 'connect');
for (let i = 0; i < 3; i++) own.on('data', () => {});
await eventLoopTurns();
own.on('data', () => {});
await eventLoopTurns();
own.destroy();
const unlimited = net.connect(port, '127.0.0.1').setMaxListeners(0);
for (let i = 0; i < 50; i++) unlimited.on('close', () => {});
await once(unlimited, 'connect');
unlimited.destroy();
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
for (let i = 0; i < 15; i++) {
  const [response] = await once(http.get({ port, host: '127.0.0.1', agent }), 'response');
  await response.resume().toArray();
}
await eventLoopTurns();
agent.destroy();
