// newListener on a socket: listeners that are added later. (Node 22 omits some removeListener events, depending on their number.)
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { listen, print } from '../program-helpers.ts';

const port = await listen(http.createServer((_, response) => response.end('ok')));
function watch(name: string, socket: net.Socket) {
  socket.on('newListener', event => print(name, 'new', String(event)));
}
for (const host of ['127.0.0.1', 'localhost']) {
  const socket = net.connect(port, host);
  watch(host, socket);
  await once(socket, 'connect');
  socket.destroy();
  await once(socket, 'close');
}
const agent = new http.Agent({ keepAlive: true });
for (let i = 0; i < 2; i++) {
  const request = http.get({ port, host: '127.0.0.1', agent });
  if (i === 0) request.on('socket', socket => watch('http', socket));
  const [response] = await once(request, 'response');
  await response.resume().toArray();
}
agent.destroy();
