// Domains catch errors that their sockets and requests throw or emit.
import domain from 'node:domain';
import http from 'node:http';
import net from 'node:net';
import { describeError, freePort, listen, print } from '../program-helpers.ts';

const port = await listen(http.createServer((_, response) => response.end('ok')));
const refused = await freePort();
const active = () => (process as { domain?: unknown }).domain;
async function inside(name: string, run: () => void) {
  const own = domain.create();
  await new Promise<void>(resolve => {
    own.on('error', error => {
      print(name, describeError(error), (error as { domainThrown?: boolean }).domainThrown, active() === own);
      resolve();
    });
    own.run(run);
  });
}
await inside('socket error', () => void net.connect(refused, '127.0.0.1'));
await inside('request error', () => void http.get({ port: refused, host: '127.0.0.1' }));
await inside('connect listener', () => {
  net.connect(port, '127.0.0.1', () => {
    throw new Error('in connect');
  });
});
await inside('close listener', () => {
  const socket = net.connect(port, '127.0.0.1', () => socket.destroy());
  socket.on('close', () => {
    print('domain at close', active() !== undefined && active() !== null);
    throw new Error('in close');
  });
});
await inside('response listener', () => {
  http.get({ port, host: '127.0.0.1' }, response => {
    response.resume();
    throw new Error('in response');
  });
});
