// Sockets that do not hold the process: it ends with them open, having said beforeExit.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { listening, say, tell } from '../kit.ts';

process.on('beforeExit', code => say('beforeExit', code)).on('exit', code => say('exit', code));
const port = await listening(http.createServer((_, response) => response.end('ok')));
const socket = net.connect(port, '127.0.0.1');
tell('socket', socket, 'connect', 'close');
say(process.getActiveResourcesInfo().filter(name => /TCP/.test(name)));
await once(socket, 'connect');
socket.unref();
socket.ref();
socket.unref();
const agent = new http.Agent({ keepAlive: true });
const [response] = await once(http.get({ port, host: '127.0.0.1', agent }), 'response');
await response.resume().toArray();
await (await fetch(`http://127.0.0.1:${port}/`)).text();
say(process.getActiveResourcesInfo().filter(name => /Timeout|Immediate|Server/.test(name)));
setTimeout(() => say('never'), 10_000).unref();
