// A broken pipeline: which handler gets which error, and the socket of a response that is cut off.
import { once } from 'node:events';
import http from 'node:http';
import { PassThrough, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describeError, listen, print, printEvents } from '../program-helpers.ts';

const server = http.createServer((request, response) => {
  if (request.url === '/garbage') return void response.socket?.end('no http at all\r\n\r\n');
  if (request.url === '/long') return void response.socket?.end(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`);
  if (request.url === '/empty') return void response.socket?.end();
  response.writeHead(200, { 'content-length': 1000 }).write('part', () => response.socket?.destroySoon());
});
const port = await listen(server);
for (const path of ['/cut', '/garbage', '/long', '/empty']) {
  const request = http.get({ port, host: '127.0.0.1', path, agent: false });
  printEvents(path, request, 'finish', 'response', 'error', 'close');
  const closed = new Promise(resolve => request.on('close', resolve));
  request.on('response', response =>
    printEvents(`${path} response`, response.on('error', () => {}).resume(), 'aborted', 'end', 'error', 'close'),
  );
  await closed;
  print(path, request.destroyed, request.socket?.destroyed);
}
const broken = new Writable({ write: (_, __, done) => done(new Error('full')) });
const [response] = await once(http.get({ port, host: '127.0.0.1', path: '/cut', agent: false }), 'response');
await pipeline(response, new PassThrough(), broken).catch(error => print(describeError(error)));
print(response.destroyed, response.complete);
await new Promise(resolve => setImmediate(resolve));
