// unread-bodies.ts <port>: requests 200 kB in several ways without reading it, prints the state of its sockets, then reads.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { setTimeout as passed } from 'node:timers/promises';

const port = Number(process.argv[2]);
const host = '127.0.0.1';
const REQUEST = 'GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

/** Waits until no more data arrives: the kernel's buffers are full, or Node has stopped reading. */
async function still(socket: net.Socket) {
  let before = -1;
  while (socket.bytesRead !== before) {
    before = socket.bytesRead;
    await passed(100);
  }
}

async function lengthOf(stream: NodeJS.ReadableStream) {
  let length = 0;
  for await (const chunk of stream) length += chunk.length;
  return length;
}

/** Rough amount of data received; the exact amount depends on the kernel. */
const amount = (bytes: number, all: number) => (bytes === 0 ? 'none' : bytes < all ? 'some' : 'all');

const untouched = net.connect(port, host);
untouched.write(REQUEST);
await once(untouched, 'connect');
await still(untouched);
console.log('untouched', untouched.readableFlowing, untouched.isPaused(), amount(untouched.bytesRead, 200_000));
console.log('kept', untouched.readableLength === untouched.bytesRead);
console.log('read', (await lengthOf(untouched)) > 200_000);

const paused = net.connect(port, host).pause();
paused.write(REQUEST);
await once(paused, 'connect');
await still(paused);
console.log('paused', paused.readableFlowing, paused.isPaused(), amount(paused.bytesRead, 200_000));
console.log('kept', paused.readableLength === paused.bytesRead);
console.log('read', (await lengthOf(paused)) > 200_000);

const request = http.get({ port, host, path: '/large', agent: new http.Agent() });
const [response] = (await once(request, 'response')) as [http.IncomingMessage];
await still(response.socket);
console.log('response', response.readableFlowing, response.socket.isPaused());
console.log('read', await lengthOf(response));

const fetched = await fetch(`http://${host}:${port}/large`);
await passed(200);
console.log('fetched', fetched.bodyUsed, fetched.body?.locked);
console.log('read', (await fetched.arrayBuffer()).byteLength);
process.exit();
