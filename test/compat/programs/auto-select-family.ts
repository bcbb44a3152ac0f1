// Several addresses: one refuses, one accepts, none accepts; with and without Happy Eyeballs.

import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import net from 'node:net';
import { describeError, freePort, listen, print, printEvents } from '../program-helpers.ts';

const port = await listen(net.createServer(socket => void socket.end()));
const refused = await freePort();
const both: LookupAddress[] = [
  { address: '::1', family: 6 },
  { address: '127.0.0.1', family: 4 },
];
const lookup = (_: string, options: { all?: boolean }, done: (...args: never[]) => void) =>
  process.nextTick(() =>
    options.all ? done(null as never, both as never) : done(null as never, '127.0.0.1' as never, 4 as never),
  );
for (const [name, target, autoSelectFamily] of [
  ['answered', port, true],
  ['refused', refused, true],
  ['one', port, false],
] as const) {
  const socket = net.connect({ host: 'two.test', port: target, autoSelectFamily, lookup: lookup as never });
  socket.on('connectionAttempt', (ip, _, family) => print(name, 'attempt', ip, family));
  socket.on('connectionAttemptFailed', (ip, _, family, error) =>
    print(name, 'failed', ip, family, (error as { code?: string }).code),
  );
  printEvents(name, socket, 'lookup', 'connect', 'ready', 'end', 'close');
  socket.resume().on('error', error => print(name, describeError(error), (error as AggregateError).errors?.length));
  await once(socket, 'close').catch(() => {});
  if (!socket.closed) await new Promise(resolve => socket.on('close', resolve));
  print(name, socket.autoSelectFamilyAttemptedAddresses?.length);
}
