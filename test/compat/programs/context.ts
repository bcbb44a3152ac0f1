// AsyncLocalStorage: the store that each callback of an agent, a lookup and a timeout runs in.
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { eventLoopTurns, listen, print } from '../program-helpers.ts';

const storage = new AsyncLocalStorage<string>();
const tell = (what: string) => print(what, storage.getStore());
const port = await listen(http.createServer((_, response) => response.end('ok')));
class Telling extends http.Agent {
  override createConnection(...args: Parameters<http.Agent['createConnection']>) {
    tell('createConnection');
    return super.createConnection(...args);
  }
}
const agent = new Telling({ keepAlive: true, maxSockets: 1 });
agent.on('free', () => tell('free'));
const lookup = (_: string, __: object, done: (...args: unknown[]) => void) => {
  tell('lookup');
  setImmediate(() => done(null, [{ address: '127.0.0.1', family: 4 }]));
};
async function all() {
  const sent = http.get({ port, host: 'a.test', agent, lookup: lookup as never });
  for (const event of ['socket', 'finish', 'response', 'close']) sent.on(event, () => tell(event));
  for (const event of ['connect', 'close'])
    sent.once('socket', socket => socket.once(event, () => tell(`socket ${event}`)));
  const [response] = await once(sent, 'response');
  response.on('data', () => tell('data')).on('end', () => tell('end'));
  await once(sent, 'close');
  const idle = net.connect({ port, host: '127.0.0.1', timeout: 20 });
  idle.on('timeout', () => tell('timeout'));
  await once(idle, 'timeout');
  await once(idle.destroy(), 'close');
  tell('over');
}
for (const name of ['one', 'two']) await storage.run(name, all);
await eventLoopTurns();
agent.destroy();
