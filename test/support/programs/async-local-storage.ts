// async-local-storage.ts <http port> <tls port>: prints the AsyncLocalStorage store that each callback of a connection runs in.
import { AsyncLocalStorage } from 'node:async_hooks';
import dns from 'node:dns';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';

const [httpPort, tlsPort] = process.argv.slice(2).map(Number) as [number, number];
const storage = new AsyncLocalStorage<string>();
const tell = (what: string) => console.log(what, storage.getStore());
const agent = new http.Agent({ keepAlive: true });

for (const name of ['first', 'second']) {
  await storage.run(name, async () => {
    const socket = net.connect(httpPort, 'localhost');
    for (const event of ['lookup', 'connectionAttempt', 'connect', 'ready', 'close'])
      socket.on(event, () => tell(`net ${event}`));
    await once(socket, 'connect');
    tell('net awaited');
    socket.destroy();
    await once(socket, 'close');

    const secure = tls.connect({ port: tlsPort, host: '127.0.0.1', rejectUnauthorized: false });
    for (const event of ['connect', 'secureConnect', 'close']) secure.on(event, () => tell(`tls ${event}`));
    await once(secure, 'secureConnect');
    secure.destroy();
    await once(secure, 'close');

    const request = http.get({ port: httpPort, host: '127.0.0.1', agent });
    for (const event of ['socket', 'finish', 'response', 'close']) request.on(event, () => tell(`http ${event}`));
    const [response] = await once(request, 'response');
    response.on('end', () => tell('http end'));
    await once(response.resume(), 'close');
    await new Promise(setImmediate);

    await (await fetch(`http://127.0.0.1:${httpPort}/`)).text();
    tell('fetch awaited');

    await new Promise<void>(resolve =>
      dns.lookup('localhost', () => {
        tell('dns');
        resolve();
      }),
    );
    queueMicrotask(() => tell('microtask'));
    await Promise.resolve();
    tell('end');
  });
}
tell('outside');
process.exit();
