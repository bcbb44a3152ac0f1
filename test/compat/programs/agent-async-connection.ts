// A createConnection function that returns its socket or an error asynchronously.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { describeError, listen, print, printEvents } from '../program-helpers.ts';

class Late extends http.Agent {
  override createConnection(
    options: { port: number; host?: string },
    done?: (error: Error | null, socket: Duplex) => void,
  ) {
    setImmediate(() => {
      if (options.host === 'fails.test') return done?.(new Error('no connection'), undefined as never);
      const socket = net.connect(options.port, '127.0.0.1', () => done?.(null, socket));
    });
    return undefined;
  }
}
const port = await listen(http.createServer((_, response) => response.end('ok')));
const agent = new Late({ keepAlive: true });
for (const path of ['/', '/again']) {
  const request = http.get({ port, host: '127.0.0.1', path, agent });
  printEvents('request', request, 'socket', 'response', 'close');
  const closed = once(request, 'close');
  const [response] = await once(request, 'response');
  await response.resume().toArray();
  await closed;
}
agent.destroy();
const failing = http.get({ port, host: 'fails.test', agent });
failing.on('error', error => print(describeError(error)));
await new Promise(resolve => failing.on('close', resolve));
