// Status 102 and 103 before the response.
import { once } from 'node:events';
import http from 'node:http';
import { listen, print, printEvents } from '../program-helpers.ts';

const port = await listen(
  http.createServer((_, response) => {
    response.writeProcessing();
    response.writeEarlyHints({ link: '</style.css>; rel=preload' }, () => response.end('late'));
  }),
);
const request = http.get({ port, host: '127.0.0.1' });
request.on('information', ({ statusCode, headers }) => print(statusCode, headers));
printEvents('request', request, 'response', 'close');
const [response] = await once(request, 'response');
print(response.statusCode, await response.setEncoding('utf8').toArray());
