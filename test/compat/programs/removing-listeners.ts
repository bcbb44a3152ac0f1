// All listeners taken off a socket at each stage: it works on, and nobody complains.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { listening, rounds, say } from '../kit.ts';

const port = await listening(http.createServer((_, response) => response.end('ok')));
for (const event of ['lookup', 'connectionAttempt', 'connect']) {
  const socket = net.connect(port, 'localhost');
  await once(socket, event);
  socket.removeAllListeners();
  say(event, socket.eventNames().length);
  if (event !== 'connect') await once(socket, 'connect');
  socket.end('GET / HTTP/1.0\r\n\r\n');
  let text = '';
  for await (const chunk of socket.setEncoding('utf8')) text += chunk;
  say(event, text.includes('200 OK'), socket.destroyed);
}
const agent = new http.Agent({ keepAlive: true });
const request = http.get({ port, host: '127.0.0.1', agent });
const [response] = await once(request, 'response');
await response.resume().toArray();
await rounds();
for (const socket of Object.values(agent.freeSockets).flatMap(list => list ?? []))
  socket.removeAllListeners('close').destroy();
await rounds();
say(response.complete);
