// All clocks and timers are replaced before any connection, as fake-timer libraries do: connmeter must not use them.
import { once } from 'node:events';
import http from 'node:http';
import { listen, print } from '../program-helpers.ts';

const server = http.createServer((_, response) => response.end('ok'));
const port = await listen(server);
const calls: string[] = [];
const fake = (name: string) => () => {
  calls.push(new Error().stack?.includes('/programs/') ? name : `${name} by somebody else`);
  return { unref: () => ({}), ref: () => ({}), refresh: () => ({}), [Symbol.toPrimitive]: () => 1 };
};
const real = { ...globalThis };
for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'] as const)
  globalThis[name] = fake(name) as never;
const { now } = performance;
performance.now = () => Number.NaN;
Date.now = () => 0;
const hrtime = process.hrtime.bigint;
process.hrtime.bigint = () => 0n;
const agent = new http.Agent({ keepAlive: true });
for (let i = 0; i < 2; i++) {
  const request = http.get({ port, host: '127.0.0.1', agent });
  const [response] = await once(request, 'response');
  print(await response.setEncoding('utf8').toArray(), request.reusedSocket);
  await new Promise<void>(resolve => real.setImmediate(() => resolve()));
}
performance.now = now;
process.hrtime.bigint = hrtime;
print([...new Set(calls)]);
agent.destroy();
