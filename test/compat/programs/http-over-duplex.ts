// A request over a pair of streams, without a socket.
import { once } from 'node:events';
import http from 'node:http';
import { duplexPair } from 'node:stream';
import { print, printEvents } from '../program-helpers.ts';

const server = http.createServer((request, response) => response.end(`over ${request.method}`));
for (const method of ['GET', 'POST']) {
  const [ours, theirs] = duplexPair();
  server.emit('connection', theirs);
  const request = http.request({ method, createConnection: () => ours as never, host: 'nowhere.test' });
  printEvents('request', request, 'socket', 'finish', 'response', 'close');
  request.end(method === 'POST' ? 'body' : undefined);
  const [response] = await once(request, 'response');
  print(await response.setEncoding('utf8').toArray(), request.reusedSocket);
}
