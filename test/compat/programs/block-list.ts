// Blocked addresses.
import net from 'node:net';
import { describeError, listen, print, printEvents } from '../program-helpers.ts';

const port = await listen(net.createServer(socket => void socket.on('error', () => {}).end()));
const blockList = new net.BlockList();
blockList.addSubnet('127.0.0.0', 30);
for (const host of ['127.0.0.1', 'localhost', '127.0.0.9']) {
  const socket = net.connect({ port, host, blockList, family: 4 } as net.TcpNetConnectOpts);
  printEvents(host, socket, 'lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connect', 'end', 'close');
  socket.resume().on('error', error => print(host, describeError(error)));
  await new Promise(resolve => socket.on('close', resolve));
}
