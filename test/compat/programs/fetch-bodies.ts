// fetch with bodies: half-duplex streams, forms with files, iterators, a failing one, and redirects.
import http from 'node:http';
import { describeError, listen, print } from '../program-helpers.ts';

const answer: http.RequestListener = async (request, response) => {
  if (request.url === '/redirect') return response.writeHead(302, { location: '/' }).end();
  if (request.url === '/kept') return response.writeHead(307, { location: '/' }).end();
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk;
  const boundary = /boundary=(.*)$/.exec(request.headers['content-type'] ?? '')?.[1];
  response.end(
    `${request.method} ${request.headers['transfer-encoding'] ?? 'sized'} ${boundary === undefined ? body : body.replaceAll(boundary, 'boundary')}`,
  );
};
const server = http.createServer(
  (request, response) => void (answer(request, response) as unknown as Promise<void>).catch(() => {}),
);
const url = `http://127.0.0.1:${await listen(server)}`;
async function* parts(fails = false) {
  yield new TextEncoder().encode('one ');
  await new Promise(resolve => setImmediate(resolve));
  if (fails) throw new Error('no more');
  yield new TextEncoder().encode('two');
}
const form = new FormData();
form.append('field', 'ä');
form.append('file', new File(['content'], 'a.txt', { type: 'text/plain' }));
const bodies: [string, RequestInit & { duplex?: 'half' }][] = [
  ['/', { method: 'POST', body: ReadableStream.from(parts()) as never, duplex: 'half' }],
  ['/', { method: 'PUT', body: parts() as never, duplex: 'half' }],
  ['/', { method: 'POST', body: form }],
  ['/', { method: 'POST', body: new URLSearchParams({ a: 'b' }) }],
  ['/redirect', { method: 'POST', body: 'x' }],
  ['/kept', { method: 'POST', body: 'x' }],
  ['/kept', { method: 'POST', body: ReadableStream.from(parts()) as never, duplex: 'half' }],
  ['/redirect', { redirect: 'error' }],
  ['/', { method: 'POST', body: parts(true) as never, duplex: 'half' }],
];
for (const [path, init] of bodies) print(await fetch(url + path, init).then(reply => reply.text(), describeError));
