// Custom lookup functions: their arguments, and the effect of their results.
import dns from 'node:dns';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { describeError, listen, print, printEvents } from '../program-helpers.ts';

const port = await listen(http.createServer((_, response) => response.end('ok')));
type Answer = (error: Error | null, address?: unknown, family?: number) => void;
const says = (what: unknown[]) => (host: string, options: object, done: Answer) => {
  print('asked', host, options, typeof done);
  process.nextTick(() => done(...(what as [null])));
};
const lists: [string, object][] = [
  ['all', { lookup: says([null, [{ address: '127.0.0.1', family: 4 }]]) }],
  ['hints', { lookup: says([null, '127.0.0.1', 4]), autoSelectFamily: false, family: 4, hints: dns.ADDRCONFIG }],
  ['wrong', { lookup: says([null, 'not an address', 4]), autoSelectFamily: false }],
  ['fails', { lookup: says([Object.assign(new Error('nobody knows'), { code: 'ENOTFOUND' })]) }],
  ['system', { family: 4 }],
];
for (const [name, options] of lists) {
  const socket = net.connect({ port, host: 'localhost', ...options } as net.TcpNetConnectOpts);
  socket.on('lookup', (error, address, family, host) =>
    print(name, 'lookup', describeError(error), address, family, host),
  );
  printEvents(name, socket, 'connect', 'error', 'close');
  socket.on('connect', () => socket.end());
  await new Promise(resolve => socket.resume().on('close', resolve));
  if (name !== 'all') continue;
  const [response] = await once(http.get({ port, host: 'localhost', ...options }), 'response');
  print(await response.setEncoding('utf8').toArray());
}
