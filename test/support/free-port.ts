import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';

/** A port that was free a moment ago, on this address; `::` means both families. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const server = net.createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
