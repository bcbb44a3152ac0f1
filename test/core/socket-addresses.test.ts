import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { addressesOf, haveSameAddresses } from '../../src/core/socket-addresses.ts';

test('the ends of a socket are read without a trace on it', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const [accepted] = (await Promise.all([once(server, 'connection'), once(connect(port), 'connect')]))[0];
  const keys = Reflect.ownKeys(accepted);

  const { remoteAddress, localPort } = addressesOf(accepted);

  expect([remoteAddress, localPort]).toEqual(['127.0.0.1', port]);
  expect(Reflect.ownKeys(accepted)).toEqual(keys);
  accepted.destroy();
  await once(accepted, 'close');
  expect(accepted.remoteAddress).toBeUndefined();
});

function connect(port: number): net.Socket {
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

test('two have the same ends where all four agree', () => {
  const ends = { localAddress: '::1', localPort: 1, remoteAddress: '::2', remotePort: 2 };

  expect(haveSameAddresses(ends, { ...ends })).toBe(true);
  for (const other of ['localAddress', 'localPort', 'remoteAddress', 'remotePort']) {
    expect(haveSameAddresses(ends, { ...ends, [other]: undefined })).toBe(false);
  }
});
