// All listeners of a socket are removed at each stage: it keeps working without warnings.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { eventLoopTurns, listen, print } from '../program-helpers.ts';

const port = await listen(http.createServer((_, response) => response.end('ok')));
for (const event of ['lookup', 'connectionAttempt', 'connect']) {
  const socket = net.connect(port, 'localhost');
  await once(socket, event);
  socket.removeAllListeners();
  print(event, socket.eventNames().length);
  if (event !== 'connect') await once(socket, 'connect');
  socket.end('GET / HTTP/1.0\r\n\r\n');
  let text = '';
  for await (const chunk of socket.setEncoding('utf8')) text += chunk;
  print(event, text.includes('200 OK'), socket.destroyed);
}
const agent = new http.Agent({ keepAlive: true });
const request = http.get({ port, host: '127.0.0.1', agent });
const [response] = await once(request, 'response');
await response.resume().toArray();
await eventLoopTurns();
for (const socket of Object.values(agent.freeSockets).flatMap(list => list ?? []))
  socket.removeAllListeners('close').destroy();
await eventLoopTurns();
print(response.complete);
