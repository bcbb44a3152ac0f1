// Mock timers of node:test while sockets are open.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { mock } from 'node:test';
import { listen, print, printEvents } from '../program-helpers.ts';

const server = http.createServer((_, response) => response.end(`${Date.now()}`));
const port = await listen(server);
mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'], now: 1000 });
const socket = net.connect(port, '127.0.0.1');
printEvents('socket', socket, 'connect', 'ready', 'close');
await once(socket, 'connect');
let ticks = 0;
setInterval(() => ticks++, 100);
setTimeout(() => socket.destroy(), 5000);
setImmediate(() => print('immediate'));
mock.timers.tick(4999);
print(ticks, socket.destroyed, Date.now());
mock.timers.tick(1);
await once(socket, 'close');
const [response] = await once(
  http.get({ port, host: '127.0.0.1', agent: new http.Agent({ keepAlive: true }) }),
  'response',
);
print(await response.setEncoding('utf8').toArray());
print(await (await fetch(`http://127.0.0.1:${port}/`)).text());
mock.timers.runAll();
print(ticks > 50);
mock.timers.reset();
process.exit();
