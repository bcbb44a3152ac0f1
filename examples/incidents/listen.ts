import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';

/** Listens on this port, or on another one if it is in use. Returns the URL of the server. */
export async function listen(server: Server, host: string, port: number): Promise<string> {
  try {
    await once(server.listen(port, host), 'listening');
  } catch {
    await once(server.listen(0, host), 'listening');
  }
  return `http://${host}:${(server.address() as AddressInfo).port}`;
}
