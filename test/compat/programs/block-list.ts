// Addresses that may not be reached.
import net from 'node:net';
import { inWords, listening, say, tell } from '../kit.ts';

const port = await listening(net.createServer(socket => void socket.on('error', () => {}).end()));
const blockList = new net.BlockList();
blockList.addSubnet('127.0.0.0', 30);
for (const host of ['127.0.0.1', 'localhost', '127.0.0.9']) {
  const socket = net.connect({ port, host, blockList, family: 4 } as net.TcpNetConnectOpts);
  tell(host, socket, 'lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connect', 'end', 'close');
  socket.resume().on('error', error => say(host, inWords(error)));
  await new Promise(resolve => socket.on('close', resolve));
}
