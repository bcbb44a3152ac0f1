// Timeouts of sockets: by option, by setTimeout, with and without a callback, and taken back.
import { once } from 'node:events';
import net from 'node:net';
import { listening, say, tell } from '../kit.ts';

const port = await listening(net.createServer(socket => void socket.on('error', () => {}).resume()));
const byOption = new net.Socket();
tell('option', byOption, 'connect', 'timeout', 'close');
byOption.connect(port, '127.0.0.1', () => byOption.setTimeout(30));
await once(byOption, 'timeout');
say('still open', byOption.readyState, byOption.timeout);
byOption.setTimeout(0);
say('timeout listeners', byOption.timeout);
byOption.destroy();
await once(byOption, 'close');

const called = net.connect({ port, host: '127.0.0.1', timeout: 1000 });
tell('called', called, 'connect', 'timeout', 'end', 'close');
called.setTimeout(30, () => {
  say('callback');
  called.end();
  called.destroySoon();
});
await once(called, 'close');
