// Bodies read in every way: paused and resumed, in paused mode, with an iterator, piped, and unread.
import { once } from 'node:events';
import http from 'node:http';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { eventLoopTurns, listen, print } from '../program-helpers.ts';

const port = await listen(http.createServer((_, response) => response.end('y'.repeat(200_000))));
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
async function answer() {
  const [response] = await once(http.get({ port, host: '127.0.0.1', agent }), 'response');
  print('flowing', response.readableFlowing, response.socket.isPaused());
  return response;
}
let bytes = 0;
const first = await answer();
first.on('data', (chunk: Buffer) => {
  bytes += chunk.length;
  first.pause();
  setImmediate(() => first.resume());
});
await once(first, 'end');
const second = await answer();
second.on('readable', () => {
  for (let chunk = second.read(1000); chunk !== null; chunk = second.read(1000)) bytes += chunk.length;
});
await once(second, 'end');
for await (const chunk of await answer()) bytes += chunk.length;
const sink = new Writable({ write: (_, __, done) => done() });
await pipeline(await answer(), sink);
const last = await answer();
await eventLoopTurns();
print('untouched', last.readableFlowing, last.complete, bytes);
last.destroy();
await once(last, 'close');
agent.destroy();
