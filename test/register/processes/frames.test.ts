import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { guardWith } from '../../../src/core/guard.ts';
import { onMessages, send } from '../../../src/register/processes/frames.ts';

async function pair(
  onMessage: (message: unknown) => void,
  onFault: (fault: unknown) => void = fault => expect.unreachable(String(fault)),
) {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  onTestFinished(() => {
    client.destroy();
    accepted.destroy();
    server.close();
  });
  onMessages(
    accepted,
    guardWith((_where, error) => onFault(error)),
    onMessage,
  );
  return { client, accepted };
}

test('messages arrive whole and in order, however they are cut', async () => {
  const received: unknown[] = [];
  const { client } = await pair(message => received.push(message));
  const sent = [{ a: 1 }, { text: 'ü"\n'.repeat(100_000) }, {}, { last: true }];
  const whole: Buffer[] = [];
  const recorder = {
    write(bytes: Buffer, done: () => void) {
      whole.push(bytes);
      done();
    },
  } as never;
  for (const message of sent) await send(recorder, message);

  const bytes = Buffer.concat(whole);
  for (let at = 0; at < 20; at++) client.write(bytes.subarray(at, at + 1)); // byte by byte
  client.write(bytes.subarray(20));

  await expect.poll(() => received).toEqual(sent);
});

test('sending resolves when the message is on its way, and also when the connection is gone', async () => {
  const { client, accepted } = await pair(() => {});
  await send(client, { a: 1 });
  client.destroy();
  await once(accepted, 'close');

  await send(client, { a: 2 });
});

test.each([
  ['a message that is too long', Buffer.from([0xff, 0xff, 0xff, 0xff])],
  ['a message that is no JSON', Buffer.from([0, 0, 0, 1, 0x7b])],
])('%s does not end the program', async (_what, bytes) => {
  const faults: unknown[] = [];
  const { client, accepted } = await pair(
    () => expect.unreachable('a message'),
    fault => faults.push(fault),
  );
  client.write(bytes);
  client.end();

  await once(accepted.resume(), 'close');
  expect(faults.length).toBeLessThanOrEqual(1);
});
