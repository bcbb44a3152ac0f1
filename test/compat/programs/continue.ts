// A request that waits for 100 Continue before it sends its body.
import { once } from 'node:events';
import http from 'node:http';
import { listen, print, printEvents } from '../program-helpers.ts';

const server = http.createServer();
server.on('checkContinue', (request, response) => {
  response.writeContinue();
  request.resume().on('end', () => response.end('thanks'));
});
const port = await listen(server);
const agent = new http.Agent({ keepAlive: true });
for (let i = 0; i < 2; i++) {
  const request = http.request({ port, host: '127.0.0.1', method: 'PUT', agent, headers: { expect: '100-continue' } });
  printEvents('request', request, 'socket', 'continue', 'information', 'finish', 'response', 'close');
  const closed = once(request, 'close');
  await once(request, 'continue');
  request.end('body');
  const [response] = await once(request, 'response');
  printEvents('response', response, 'end', 'close');
  print(await response.setEncoding('utf8').toArray(), request.reusedSocket);
  await closed;
}
agent.destroy();
