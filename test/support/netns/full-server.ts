// A server that has stopped accepting: once its backlog is full, the kernel drops further connection attempts.
import { once } from 'node:events';
import net from 'node:net';

const [host, port] = JSON.parse(process.argv[2] as string) as [string, number];
const server = net.createServer();
await once(server.listen({ host, port, backlog: 1 }), 'listening');
process.send?.('listening', () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 25_000); // a blocked event loop accepts nothing
  process.exit();
});
