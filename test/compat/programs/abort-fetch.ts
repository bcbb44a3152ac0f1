// fetch, aborted at every stage.
import http from 'node:http';
import { describeError, eventLoopTurns, listen, print } from '../program-helpers.ts';

const server = http.createServer((request, response) => {
  if (request.url === '/silent') return;
  response.write('part');
  if (request.url === '/whole') response.end();
});
const url = `http://127.0.0.1:${await listen(server)}`;
const heard = (name: string) => (error: unknown) =>
  print(name, (error as Error).name, (error as { code?: unknown }).code);

await fetch(url, { signal: AbortSignal.abort() }).catch(heard('before'));
const atOnce = new AbortController();
const sent = fetch(url, { signal: atOnce.signal }).catch(heard('at once'));
atOnce.abort();
await sent;
await fetch(`${url}/silent`, { signal: AbortSignal.timeout(50) }).catch(heard('waiting'));
const inBody = new AbortController();
const response = await fetch(`${url}/part`, { signal: inBody.signal });
const reader = (response.body as ReadableStream<Uint8Array>).getReader();
print(new TextDecoder().decode((await reader.read()).value));
inBody.abort(new Error('enough'));
await reader.read().catch(error => print(describeError(error)));
const cancelled = await fetch(`${url}/part`);
await cancelled.body?.cancel('no more');
print('cancelled', cancelled.bodyUsed);
const after = new AbortController();
const whole = await fetch(`${url}/whole`, { signal: after.signal });
print(await whole.text());
after.abort();
await eventLoopTurns();
server.closeAllConnections();
