// client-events.ts <tcp port> <http port> <tls port>: prints every event of its connections, in order.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';

const [tcpPort, httpPort, tlsPort] = process.argv.slice(2).map(Number) as [number, number, number];
const EVENTS = [
  'lookup',
  'connectionAttempt',
  'connectionAttemptFailed',
  'connectionAttemptTimeout',
  'connect',
  'ready',
  'secureConnect',
  'secure',
  'timeout',
  'end',
  'finish',
  'error',
  'close',
];
const READING = ['error', 'data', 'readable', 'drain', 'finish', 'removeListener'];

function tellAbout(name: string, socket: net.Socket) {
  console.log(name, ...READING.map(event => socket.listenerCount(event)), socket.readableFlowing, socket.connecting);
  for (const event of EVENTS) socket.on(event, () => console.log(name, event, socket.readyState));
  socket.once('data', () => console.log(name, 'data'));
  process.nextTick(() => console.log(name, 'tick'));
  queueMicrotask(() => console.log(name, 'microtask'));
  void Promise.resolve().then(() => console.log(name, 'promise'));
}

async function exchange(name: string, socket: net.Socket) {
  tellAbout(name, socket);
  socket.write('hello');
  await once(socket, 'data');
  socket.end();
  await once(socket, 'close');
}

await exchange('tcp', net.connect(tcpPort, 'localhost'));
await exchange('tls', tls.connect({ port: tlsPort, host: 'localhost', rejectUnauthorized: false }));
await exchange('old-style', new net.Socket().connect(tcpPort, '127.0.0.1'));

const refused = net.connect(1, 'localhost').on('error', ({ message }) => console.log(message));
tellAbout('refused', refused);
await new Promise(resolve => refused.on('close', resolve));

const undone = net.connect(tcpPort, 'localhost');
tellAbout('undone', undone);
undone.destroy();
await once(undone, 'close');

const agent = new http.Agent({ keepAlive: true });
for (const name of ['fresh', 'reused']) {
  const request = http.get({ port: httpPort, host: 'localhost', agent });
  for (const event of ['socket', 'finish', 'response', 'close']) request.on(event, () => console.log(name, event));
  const [response] = await once(request, 'response');
  for (const event of ['data', 'end', 'close']) response.on(event, () => console.log(name, 'response', event));
  await once(response, 'close');
  await new Promise(setImmediate);
  console.log(name, request.reusedSocket, Object.keys(agent.sockets), Object.keys(agent.freeSockets));
}
agent.destroy();

const fetched = await fetch(`http://127.0.0.1:${httpPort}/`, { headers: { connection: 'close' } });
console.log('fetch', fetched.status, await fetched.text());

console.log(
  'alive for',
  process.getActiveResourcesInfo().filter(resource => !/^(Pipe|TTY)Wrap$/.test(resource)),
);
process.on('beforeExit', code => console.log('beforeExit', code));
process.on('exit', code => console.log('exit', code));
