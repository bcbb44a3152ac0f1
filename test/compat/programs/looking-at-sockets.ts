// Visible state of a socket: own properties, address, counters, property attributes.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { listen, print } from '../program-helpers.ts';

const port = await listen(http.createServer((_, response) => response.end('ok')));
const socket = net.connect({ port, host: '127.0.0.1' });
const own = () => [Object.keys(socket).length, Object.getOwnPropertySymbols(socket).map(String).toSorted()];
print(...own(), Object.getPrototypeOf(socket) === net.Socket.prototype, Object.isExtensible(socket));
await once(socket, 'connect');
print(socket.remoteAddress, socket.remoteFamily, socket.localAddress, socket.bufferSize, socket.writableLength);
print(socket.readableFlowing, socket.readableHighWaterMark, socket.timeout, socket.allowHalfOpen, socket.pending);
for (const event of ['data', 'readable', 'error', 'drain', 'pause', 'resume'])
  print(event, socket.listenerCount(event));
socket.end('GET / HTTP/1.0\r\n\r\n');
print((await socket.setEncoding('utf8').toArray()).join('').startsWith('HTTP/1.1 200'));
print(...own(), socket.bytesRead, socket.bytesWritten);
const agent = new http.Agent({ keepAlive: true });
const request = http.get({ port, host: '127.0.0.1', agent });
const [response] = await once(request, 'response');
for (const each of [request, response, agent])
  print(Object.keys(each).toSorted().join(), each.eventNames().map(String).toSorted());
await response.resume().toArray();
agent.destroy();
