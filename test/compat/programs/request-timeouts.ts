// Request timeouts, set by method, option and agent, before and after the socket is assigned.
import { once } from 'node:events';
import http from 'node:http';
import { listen, print, printEvents } from '../program-helpers.ts';

const port = await listen(http.createServer(() => {}));
const target = { port, host: '127.0.0.1' };
const agent = new http.Agent({ keepAlive: true, timeout: 40 });
const cases: [string, () => http.ClientRequest][] = [
  ['option', () => http.get({ ...target, timeout: 40 })],
  ['setTimeout', () => http.get(target).setTimeout(40)],
  ['agent', () => http.get({ ...target, agent })],
  ['signal', () => http.get({ ...target, signal: AbortSignal.timeout(60) })],
];
for (const [name, get] of cases) {
  const request = get();
  printEvents(name, request, 'timeout', 'error', 'abort', 'close');
  request.on('timeout', () => request.destroy(new Error('too slow')));
  await once(request, 'close').catch(() => {});
  if (!request.closed) await new Promise(resolve => request.on('close', resolve));
  print(name, request.destroyed, request.aborted);
}
agent.destroy();
