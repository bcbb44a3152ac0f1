// The global WebSocket: messages, a close with a code, a refused handshake.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { listen, print } from '../program-helpers.ts';

const server = http.createServer();
server.on('upgrade', (request, socket) => {
  socket.on('error', () => {});
  if (request.url === '/no') return void socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.write(Buffer.from([0x81, 2, 0x68, 0x69]));
  socket.once('data', () => void socket.end(Buffer.from([0x88, 2, 0x03, 0xe9])));
});
const port = await listen(server);
for (const path of ['/', '/no']) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
  for (const event of ['open', 'error'] as const)
    socket.addEventListener(event, () => print(path, event, socket.readyState));
  socket.addEventListener('message', ({ data }) => {
    print(path, 'message', data);
    socket.send('reply');
  });
  const [close] = (await once(socket as never, 'close')) as [{ code: number; wasClean: boolean }];
  print(path, 'close', close.code, close.wasClean);
}
