// A domain that is entered and never left: what runs in it, and no warning about an immediate of connmeter.
// Without lookups, because Node delivers their performance entries in an immediate.
import domain from 'node:domain';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { listen, print } from '../program-helpers.ts';

process.on('warning', ({ name, message }) => print(name, message));
const port = await listen(http.createServer((_, response) => response.end('ok')));
const own = domain.create();
const inOwn = () => (process as { domain?: unknown }).domain === own;
own.on('error', error => print('domain error', error.message));
own.enter();
const socket = net.connect({ port, host: '127.0.0.1' });
await once(socket, 'connect');
print('connected', inOwn());
socket.destroy();
await once(socket, 'close');
const agent = new http.Agent({ keepAlive: true });
for (let i = 0; i < 3; i++) {
  const [response] = await once(http.get({ port, host: '127.0.0.1', agent }), 'response');
  await once(response.resume(), 'close');
  print('answered', inOwn());
}
agent.destroy();
await new Promise(resolve => setTimeout(resolve, 20));
print('over', inOwn());
