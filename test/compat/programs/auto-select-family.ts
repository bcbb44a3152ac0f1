// Several addresses: one refuses, one answers, none answers; with and without Happy Eyeballs.

import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import net from 'node:net';
import { inWords, listening, refusing, say, tell } from '../kit.ts';

const port = await listening(net.createServer(socket => void socket.end()));
const refused = await refusing();
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
  socket.on('connectionAttempt', (ip, _, family) => say(name, 'attempt', ip, family));
  socket.on('connectionAttemptFailed', (ip, _, family, error) =>
    say(name, 'failed', ip, family, (error as { code?: string }).code),
  );
  tell(name, socket, 'lookup', 'connect', 'ready', 'end', 'close');
  socket.resume().on('error', error => say(name, inWords(error), (error as AggregateError).errors?.length));
  await once(socket, 'close').catch(() => {});
  if (!socket.closed) await new Promise(resolve => socket.on('close', resolve));
  say(name, socket.autoSelectFamilyAttemptedAddresses?.length);
}
