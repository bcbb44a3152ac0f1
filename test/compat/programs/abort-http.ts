// node:http, aborted or destroyed at every stage.
import { once } from 'node:events';
import http from 'node:http';
import { listen, print, printEvents } from '../program-helpers.ts';

const server = http.createServer((_, response) => response.write('part'));
const port = await listen(server);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
type When = (request: http.ClientRequest, abort: () => void) => unknown;
async function stage(name: string, when: When, { signal, abort } = controller()) {
  const request = http.request({ port, host: '127.0.0.1', agent, signal });
  printEvents(name, request, 'socket', 'finish', 'response', 'abort', 'error', 'close');
  const events = ['aborted', 'error', 'end', 'close'];
  request.on('response', response => printEvents(`${name} response`, response, ...events));
  const closed = new Promise(resolve => request.on('close', resolve));
  when(request, abort);
  if (name !== 'never ended') request.end();
  await closed;
  print(name, request.aborted, request.destroyed, request.reusedSocket);
}
function controller() {
  const own = new AbortController();
  return { signal: own.signal, abort: () => own.abort() };
}
const aborted = controller();
aborted.abort();
await stage('aborted before', () => {}, aborted);
await stage('next tick', (_, abort) => process.nextTick(abort));
await stage('destroyed at once', request => request.destroy());
await stage('with the socket', (request, abort) => request.on('socket', abort));
await stage('once connected', (request, abort) => request.on('socket', socket => socket.on('connect', abort)));
await stage('never ended', (request, abort) => request.on('socket', socket => socket.on('connect', abort)).write('x'));
await stage('with the answer', (request, abort) => request.on('response', abort));
await stage('in the body', (request, abort) => request.on('response', response => response.once('data', abort)));
agent.destroy();
server.closeAllConnections();
await once(server.close(), 'close');
