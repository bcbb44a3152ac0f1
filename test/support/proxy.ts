import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface TestProxy {
  readonly port: number;
  readonly url: string;
  /** How many connections it has accepted. */
  readonly accepted: number;
  /** Sends FIN on every connection, and waits until the clients have closed them too. */
  endAll(): Promise<void>;
}

/**
 * A proxy that answers each CONNECT with the given status. Without a status it makes the tunnel; with `close`, it closes the
 * connection without an answer. It ends with the test.
 */
export async function proxy(answer?: number | 'close'): Promise<TestProxy> {
  const sockets = new Set<net.Socket>();
  let accepted = 0;
  const server = net.createServer(socket => {
    accepted++;
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.once('data', (data: Buffer) => {
      if (answer === 'close') socket.destroy();
      else if (answer !== undefined) socket.write(`HTTP/1.1 ${answer} No\r\nContent-Length: 0\r\n\r\n`);
      else makeTunnel(socket, String(data));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });

  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    get accepted() {
      return accepted;
    },
    async endAll() {
      const closed = Array.from(sockets, socket => once(socket, 'close'));
      for (const socket of sockets) socket.end();
      await Promise.all(closed);
    },
  };
}

function makeTunnel(socket: net.Socket, connect: string): void {
  const port = Number(/^CONNECT [^ ]+:(\d+) /.exec(connect)?.[1]);
  const upstream = net.connect(port, '127.0.0.1', () => {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    socket.pipe(upstream).pipe(socket);
  });
  upstream.on('error', () => socket.destroy());
  socket.on('close', () => upstream.destroy());
}
