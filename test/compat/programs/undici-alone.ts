// undici's FormData, interceptors and RetryAgent: each version in its own process, with its own global dispatcher.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { describeError, listen, print } from '../program-helpers.ts';

const [version] = process.argv.slice(2);
if (version === undefined) {
  for (const each of ['undici6', 'undici7', 'undici']) {
    print(each, await once(fork(import.meta.filename, [each]), 'exit'));
  }
} else {
  // Not imported, because an import runs the getter of http.WebSocket, which loads Node's own undici.
  const { createServer } = process.getBuiltinModule('node:http');
  const server = createServer(async (request, response) => {
    const body = (await request.toArray()).join('');
    response.end(`${request.method}, ${/^content-type.*/im.exec(body) ?? 'no form'}`);
  });
  const url = `http://127.0.0.1:${await listen(server)}`;
  const undici = (await import(version)) as typeof import('undici');
  const { FormData, getGlobalDispatcher, interceptors, RetryAgent, request } = undici;
  const shows = async (what: string, options: () => Parameters<typeof request>[1]) => {
    const answered = async () => (await request(url, options())).body.text();
    const late = new Promise(resolve => setTimeout(resolve, 2_500, 'no answer').unref());
    print(what, await Promise.race([answered(), late]).catch(describeError));
  };
  const body = new FormData();
  body.set('file', new File(['abc'], 'a.txt', { type: 'text/plain' }));
  await shows('FormData', () => ({ method: 'POST', body }));
  await shows('dns', () => ({ dispatcher: getGlobalDispatcher().compose(interceptors.dns()) }));
  await shows('retry', () => ({ dispatcher: getGlobalDispatcher().compose(interceptors.retry()) }));
  await shows('both', () => ({ dispatcher: getGlobalDispatcher().compose(interceptors.retry(), interceptors.dns()) }));
  await shows('RetryAgent', () => ({ dispatcher: new RetryAgent(getGlobalDispatcher()) }));
  process.exit(); // a request without a response would keep the process alive
}
