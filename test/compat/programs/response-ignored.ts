// Responses without a listener: dumped, and the connection is freed.
import { once } from 'node:events';
import http from 'node:http';
import { listen, print, printEvents } from '../program-helpers.ts';

const port = await listen(http.createServer((_, response) => response.end('z'.repeat(100_000))));
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
for (let i = 0; i < 3; i++) {
  const request = http.get({ port, host: '127.0.0.1', agent });
  printEvents('request', request, 'socket', 'finish', 'abort', 'error', 'close');
  if (i === 1) request.on('response', response => printEvents('response', response.resume(), 'end', 'close'));
  await once(request, 'close');
  print(request.reusedSocket);
}
agent.destroy();
