// An agent's queue: parallel sockets, order, socket selection, and what is left at the end.
import { once } from 'node:events';
import http from 'node:http';
import { eventLoopTurns, listen, print } from '../program-helpers.ts';

const port = await listen(http.createServer((request, response) => response.end(request.url)));
const counts = (agent: http.Agent) => {
  const sum = (lists: NodeJS.ReadOnlyDict<unknown[]>) =>
    Object.values(lists).reduce((total, list) => total + (list?.length ?? 0), 0);
  return [
    sum(agent.sockets),
    sum(agent.freeSockets),
    sum(agent.requests),
    (agent as { totalSocketCount?: number }).totalSocketCount,
  ];
};
const several: http.AgentOptions[] = [
  { maxSockets: 1 },
  { maxSockets: 2, keepAlive: true, maxFreeSockets: 1 },
  { maxTotalSockets: 1, keepAlive: true, scheduling: 'fifo' },
  { maxSockets: 3, keepAlive: true, scheduling: 'lifo', timeout: 5000 },
];
for (const options of several) {
  const agent = new http.Agent(options);
  const order: string[] = [];
  const asked = ['/1', '/2', '/3', '/4', '/5'].map(async path => {
    const [response] = await once(http.get({ port, host: '127.0.0.1', path, agent }), 'response');
    await response.resume().toArray();
    order.push(path);
  });
  print('at first', ...counts(agent));
  await Promise.all(asked);
  await eventLoopTurns(5);
  print(options.maxSockets === 1 || options.maxTotalSockets === 1 ? order : order.length, ...counts(agent));
  agent.destroy();
  await eventLoopTurns(5);
  print('at last', ...counts(agent));
}
