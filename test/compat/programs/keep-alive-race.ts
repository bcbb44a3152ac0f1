// The server closes a connection just as it is reused: the program sees ECONNRESET on a reused socket, and retries.
import { once } from 'node:events';
import http from 'node:http';
import { describeError, eventLoopTurns, listen, print } from '../program-helpers.ts';

const server = http.createServer((_, response) => response.end('ok'));
const port = await listen(server);
server.keepAliveTimeout = 0;
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
async function ask(tries = 0): Promise<void> {
  const request = http.get({ port, host: '127.0.0.1', agent });
  if (request.reusedSocket) server.closeAllConnections();
  try {
    const [response] = await once(request, 'response');
    await response.resume().toArray();
    print('answered', request.reusedSocket, tries);
  } catch (error) {
    print(describeError(error), request.reusedSocket);
    if (request.reusedSocket) return ask(tries + 1);
  }
}
for (let i = 0; i < 4; i++) {
  await ask();
  await eventLoopTurns(5);
}
agent.destroy();
