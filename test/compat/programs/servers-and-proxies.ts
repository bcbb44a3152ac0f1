// A proxy in the program: bodies piped both ways, a client that disconnects early, forwarded headers.
import { once } from 'node:events';
import http from 'node:http';
import { describeError, eventLoopTurns, listen, print } from '../program-helpers.ts';

const target = await listen(
  http.createServer((request, response) =>
    request.pipe(response.writeHead(200, { 'x-via': request.headers['x-via'] ?? '' })),
  ),
);
const agent = new http.Agent({ keepAlive: true });
const proxy = http.createServer((request, response) => {
  const onward = http.request({
    port: target,
    host: '127.0.0.1',
    method: request.method,
    agent,
    headers: { ...request.headers, 'x-via': 'proxy' },
  });
  onward.on('response', answer => answer.pipe(response.writeHead(answer.statusCode ?? 500, answer.headers)));
  onward.on('error', error => print('onward', describeError(error)));
  response.on('close', () => response.writableFinished || onward.destroy());
  request.pipe(onward);
});
const port = await listen(proxy);
for (const size of [0, 1, 300_000]) {
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x'.repeat(size) });
  print(response.headers.get('x-via'), (await response.text()).length === size);
}
const leaving = http.request({ port, host: '127.0.0.1', method: 'POST', agent: false });
leaving.on('error', error => print('leaving', describeError(error)));
leaving.write('half');
const [response] = await once(leaving, 'response');
response.on('error', (error: Error) => print('answer', describeError(error)));
leaving.destroy();
await eventLoopTurns(20);
agent.destroy();
process.exit();
