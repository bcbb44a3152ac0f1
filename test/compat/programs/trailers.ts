// Trailers in both directions.
import { once } from 'node:events';
import http from 'node:http';
import { listen, print } from '../program-helpers.ts';

const server = http.createServer(async (request, response) => {
  await request.resume().toArray();
  response.writeHead(200, { trailer: 'x-sum' });
  response.write('part');
  response.addTrailers({ 'x-sum': String(request.trailers['x-check']) });
  response.end();
});
const port = await listen(server);
const request = http.request({ port, host: '127.0.0.1', method: 'POST', headers: { trailer: 'x-check' } });
request.write('data');
request.addTrailers({ 'x-check': '42' });
request.end();
const [response] = await once(request, 'response');
print(await response.setEncoding('utf8').toArray(), response.trailers, response.rawTrailers, response.complete);
