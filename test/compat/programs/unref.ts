// Unref'ed sockets do not keep the process alive: it emits beforeExit and exits while they are open.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { listen, print, printEvents } from '../program-helpers.ts';

process.on('beforeExit', code => print('beforeExit', code)).on('exit', code => print('exit', code));
const port = await listen(http.createServer((_, response) => response.end('ok')));
const socket = net.connect(port, '127.0.0.1');
printEvents('socket', socket, 'connect', 'close');
print(process.getActiveResourcesInfo().filter(name => /TCP/.test(name)));
await once(socket, 'connect');
socket.unref();
socket.ref();
socket.unref();
const agent = new http.Agent({ keepAlive: true });
const [response] = await once(http.get({ port, host: '127.0.0.1', agent }), 'response');
await response.resume().toArray();
await (await fetch(`http://127.0.0.1:${port}/`)).text();
print(process.getActiveResourcesInfo().filter(name => /Timeout|Immediate|Server/.test(name)));
setTimeout(() => print('never'), 10_000).unref();
