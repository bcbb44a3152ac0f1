// A domain that is entered and never left: what runs in it, and that nobody is warned of an immediate that is not the program's.
import dns from 'node:dns';
import domain from 'node:domain';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { listening, say } from '../kit.ts';

process.on('warning', ({ name, message }) => say(name, message));
const port = await listening(http.createServer((_, response) => response.end('ok')));
const own = domain.create();
const inOwn = () => (process as { domain?: unknown }).domain === own;
own.on('error', error => say('domain error', error.message));
own.enter();
say((await dns.promises.lookup('localhost', { family: 4 })).address, inOwn());
await new Promise<void>(resolve => dns.lookup('localhost', () => resolve()));
const socket = net.connect({ port, host: 'localhost', family: 4 });
await once(socket, 'connect');
say('connected', inOwn());
socket.destroy();
await once(socket, 'close');
const agent = new http.Agent({ keepAlive: true });
for (let i = 0; i < 3; i++) {
  const [response] = await once(http.get({ port, host: 'localhost', family: 4, agent }), 'response');
  await once(response.resume(), 'close');
  say('answered', inOwn());
}
agent.destroy();
await new Promise(resolve => setTimeout(resolve, 20));
say('over', inOwn());
