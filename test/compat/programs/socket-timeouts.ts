// Socket timeouts: by option, by setTimeout with and without a callback, and cancelled.
import { once } from 'node:events';
import net from 'node:net';
import { listen, print, printEvents } from '../program-helpers.ts';

const port = await listen(net.createServer(socket => void socket.on('error', () => {}).resume()));
const byOption = new net.Socket();
printEvents('option', byOption, 'connect', 'timeout', 'close');
byOption.connect(port, '127.0.0.1', () => byOption.setTimeout(30));
await once(byOption, 'timeout');
print('still open', byOption.readyState, byOption.timeout);
byOption.setTimeout(0);
print('timeout listeners', byOption.timeout);
byOption.destroy();
await once(byOption, 'close');

const called = net.connect({ port, host: '127.0.0.1', timeout: 1000 });
printEvents('called', called, 'connect', 'timeout', 'end', 'close');
called.setTimeout(30, () => {
  print('callback');
  called.end();
  called.destroySoon();
});
await once(called, 'close');
