// fake-timers.ts <how> <port>: fakes time before its first connection, as test runners do, and makes connections. Prints
// "ready" and the number of calls of each fake, and exits when it reads a line.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { mock } from 'node:test';

const [how, text] = process.argv.slice(2);
const port = Number(text);
const calls: Record<string, number> = {};

/** Timers that never fire and clocks that advance by an hour at each call. */
function replaceGlobals() {
  const fake =
    <Result>(name: string, result: () => Result) =>
    () => {
      calls[name] = (calls[name] ?? 0) + 1;
      return result();
    };
  let hours = 0;
  const leap = () => ++hours * 3_600_000;
  for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']) {
    Object.defineProperty(globalThis, name, { value: fake(name, () => undefined) });
  }
  performance.now = fake('performance.now', leap);
  Object.defineProperty(globalThis, 'performance', { value: { now: fake('global performance.now', leap) } });
  Object.defineProperty(process, 'hrtime', {
    value: Object.assign(
      fake('hrtime', () => [leap(), 0]),
      { bigint: fake('hrtime.bigint', () => BigInt(leap())) },
    ),
  });
  Date.now = leap; // not counted: the SDK calls it for each measurement
}

if (how === 'replaced') replaceGlobals();
else mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'], now: 0 });

const socket = net.connect(port, 'localhost');
await once(socket, 'connect');
if (how !== 'replaced') mock.timers.tick(3_600_000);
socket.destroy();
await once(socket, 'close');

const agent = new http.Agent({ keepAlive: true });
for (let i = 0; i < 2; i++) {
  const [response] = await once(http.get({ port, host: '127.0.0.1', agent }), 'response');
  await once(response.resume(), 'close');
}
if (how !== 'replaced') mock.timers.tick(3_600_000);
agent.destroy();

console.log('ready', calls);
await once(process.stdin, 'data');
process.stdin.destroy();
