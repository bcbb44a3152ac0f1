// fetch, aborted at every stage.
import http from 'node:http';
import { inWords, listening, rounds, say } from '../kit.ts';

const server = http.createServer((request, response) => {
  if (request.url === '/silent') return;
  response.write('part');
  if (request.url === '/whole') response.end();
});
const url = `http://127.0.0.1:${await listening(server)}`;
const heard = (name: string) => (error: unknown) =>
  say(name, (error as Error).name, (error as { code?: unknown }).code);

await fetch(url, { signal: AbortSignal.abort() }).catch(heard('before'));
const atOnce = new AbortController();
const sent = fetch(url, { signal: atOnce.signal }).catch(heard('at once'));
atOnce.abort();
await sent;
await fetch(`${url}/silent`, { signal: AbortSignal.timeout(50) }).catch(heard('waiting'));
const inBody = new AbortController();
const response = await fetch(`${url}/part`, { signal: inBody.signal });
const reader = (response.body as ReadableStream<Uint8Array>).getReader();
say(new TextDecoder().decode((await reader.read()).value));
inBody.abort(new Error('enough'));
await reader.read().catch(error => say(inWords(error)));
const cancelled = await fetch(`${url}/part`);
await cancelled.body?.cancel('no more');
say('cancelled', cancelled.bodyUsed);
const after = new AbortController();
const whole = await fetch(`${url}/whole`, { signal: after.signal });
say(await whole.text());
after.abort();
await rounds();
server.closeAllConnections();
