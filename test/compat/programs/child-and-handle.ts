// A forked child, which also loads connmeter, receives a server's connection and sends a request back.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { listen, print } from '../program-helpers.ts';

if (process.argv[2] === 'child') {
  process.on('message', async (port: number, socket: net.Socket) => {
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    socket.end(await answer.text(), () => process.disconnect());
  });
} else {
  const port = await listen(http.createServer((_, response) => response.end('asked by the child')));
  const child = fork(import.meta.filename, ['child']);
  const giving = await listen(net.createServer(socket => void child.send(port, socket)));
  const socket = net.connect(giving, '127.0.0.1');
  print(String(Buffer.concat(await socket.toArray())), socket.destroyed);
  print(await once(child, 'exit'));
}
