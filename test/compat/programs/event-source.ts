// undici's EventSource: three streams that end, and the reconnects in between.
import { once } from 'node:events';
import http from 'node:http';
import { EventSource } from 'undici';
import { listen, print } from '../program-helpers.ts';

let streams = 0;
const server = http.createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(`retry: 1\nid: ${++streams}\ndata: event ${streams}\n\n`);
});
const source = new EventSource(`http://127.0.0.1:${await listen(server)}/`);
const waiting = setTimeout(() => print('never'), 20_000); // EventSource does not keep the process alive
for (let i = 0; i < 3; i++) {
  const [{ data, lastEventId }] = (await once(source as never, 'message')) as [MessageEvent];
  print(data, lastEventId);
}
source.close();
print(source.readyState);
clearTimeout(waiting);
