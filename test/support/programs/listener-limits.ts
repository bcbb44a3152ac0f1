// listener-limits.ts <http port> <tls port>: prints how many listeners each socket event takes before Node warns of a leak.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';

const [port, tlsPort] = process.argv.slice(2).map(Number) as [number, number];
const EVENTS = ['lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connect', 'secureConnect', 'close'];

const warnings: string[] = [];
process.on('warning', ({ name, message }) => warnings.push(`${name} ${message}`));

async function tellRoom(name: string, socket: net.Socket) {
  for (const event of EVENTS) {
    let added = 0;
    while (!warnings.some(warning => warning.includes(` ${event} listeners`))) {
      socket.on(event, () => {});
      added++;
      await new Promise(setImmediate);
    }
    warnings.length = 0;
    console.log(name, event, 'takes', added - 1);
  }
  socket.destroy();
}

const plain = net.connect(port, 'localhost');
await once(plain, 'connect');
await tellRoom('net', plain);

const secure = tls.connect({ port: tlsPort, host: '127.0.0.1', rejectUnauthorized: false });
await once(secure, 'secureConnect');
await tellRoom('tls', secure);

const request = http.get({ port, host: '127.0.0.1', agent: new http.Agent({ keepAlive: true }) });
const [response] = (await once(request, 'response')) as [http.IncomingMessage];
const { socket } = response;
await once(response.resume(), 'close');
await tellRoom('http', socket);

// The same socket connects again and again: listeners must not accumulate.
const again = new net.Socket();
for (let i = 0; i < 15; i++) {
  again.connect(port, '127.0.0.1');
  await once(again, 'connect');
  again.destroy();
  await once(again, 'close');
}
await tellRoom('again', again);
