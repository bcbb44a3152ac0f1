// The mock timers of node:test, while sockets are open: time stands still until the program moves it.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { mock } from 'node:test';
import { listening, say, tell } from '../kit.ts';

const server = http.createServer((_, response) => response.end(`${Date.now()}`));
const port = await listening(server);
mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'], now: 1000 });
const socket = net.connect(port, '127.0.0.1');
tell('socket', socket, 'connect', 'ready', 'close');
await once(socket, 'connect');
let ticks = 0;
setInterval(() => ticks++, 100);
setTimeout(() => socket.destroy(), 5000);
setImmediate(() => say('immediate'));
mock.timers.tick(4999);
say(ticks, socket.destroyed, Date.now());
mock.timers.tick(1);
await once(socket, 'close');
const [response] = await once(
  http.get({ port, host: '127.0.0.1', agent: new http.Agent({ keepAlive: true }) }),
  'response',
);
say(await response.setEncoding('utf8').toArray());
say(await (await fetch(`http://127.0.0.1:${port}/`)).text());
mock.timers.runAll();
say(ticks > 50);
mock.timers.reset();
process.exit();
