// many-origins.ts <count>: requests a server of its own at `count` addresses of 127.0.0.0/8, prints its port, and exits when it reads a line.
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

const AT_ONCE = 20;
const [count = '1'] = process.argv.slice(2);
const server = http.createServer((_request, response) => void response.end('hello'));
await once(server.listen(0, '0.0.0.0'), 'listening');
const { port } = server.address() as AddressInfo;

async function visit(host: string): Promise<void> {
  const [response] = await once(http.get({ host, port, agent: false }), 'response');
  await once(response.resume(), 'close');
}

const hosts = Array.from({ length: Number(count) }, (_, index) => `127.1.${index >> 8}.${index & 255}`);
while (hosts.length > 0) await Promise.all(hosts.splice(0, AT_ONCE).map(visit));
console.log(`port ${port}`);
await once(process.stdin, 'data');
process.stdin.destroy();
server.close();
