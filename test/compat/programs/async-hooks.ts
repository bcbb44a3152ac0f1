// async_hooks: which network resources Node creates, and their triggers.
import { createHook, executionAsyncId, triggerAsyncId } from 'node:async_hooks';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import http from 'node:http';
import { listen } from '../program-helpers.ts';

const port = await listen(http.createServer((_, response) => response.end('ok')));
const kinds = new Map<number, string>();
const lines: string[] = [];
createHook({
  init(id, type, trigger) {
    if (!/TCP|SHUTDOWN|WRITE|GETADDR|HTTP|TLS/.test(type)) return;
    if (type === 'TCPSERVERWRAP') return; // the metrics server, which starts with the first event
    kinds.set(id, type);
    lines.push(`init ${type} by ${kinds.get(trigger) ?? 'other'}`);
  },
  destroy: id => void (kinds.has(id) && lines.push(`destroy ${kinds.get(id)}`)),
}).enable();
const within = () => `${kinds.get(executionAsyncId()) ?? 'other'} ${kinds.get(triggerAsyncId()) ?? 'other'}`;
const agent = new http.Agent({ keepAlive: true });
for (let i = 0; i < 2; i++) {
  const request = http.get({ port, host: 'localhost', agent });
  request.on('socket', socket => socket.on('connect', () => lines.push(`connect in ${within()}`)));
  const [response] = await once(request, 'response');
  lines.push(`response in ${within()}`);
  response.on('end', () => lines.push(`end in ${within()}`));
  await response.resume().toArray();
}
// Only the order of the client's events is deterministic.
writeSync(1, `${lines.filter(line => !line.startsWith('destroy')).join('\n')}\n`);
agent.destroy();
process.exit();
