// Listens on ports and accepts nothing: `full-servers.ts <count>`. Prints the ports as JSON, then blocks until it is killed.
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';

const ports: number[] = [];
for (let i = 0; i < Number(process.argv[2]); i++) {
  const server = net.createServer();
  await once(server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }), 'listening');
  ports.push((server.address() as AddressInfo).port);
}
writeSync(1, `${JSON.stringify(ports)}\n`);
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000); // a blocked event loop accepts nothing
