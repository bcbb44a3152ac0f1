// A custom agent that creates connections, names them, and decides which are kept and reused.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { listen, print } from '../program-helpers.ts';

class Own extends http.Agent {
  override createConnection(...[options, done]: Parameters<http.Agent['createConnection']>) {
    print('createConnection', typeof done, Object.keys(options).includes('_agentKey'));
    return net.createConnection(Number(options.port), '127.0.0.1');
  }
  override getName() {
    return 'one name for all';
  }
  override keepSocketAlive(socket: net.Socket) {
    print('keepSocketAlive', socket.destroyed);
    return super.keepSocketAlive(socket as never);
  }
  override reuseSocket(socket: net.Socket, request: http.ClientRequest) {
    print('reuseSocket', request.path);
    super.reuseSocket(socket as never, request);
  }
}
const port = await listen(http.createServer((request, response) => response.end(request.url)));
const agent = new Own({ keepAlive: true, maxSockets: 1 });
agent.on('free', () => print('free'));
const paths = ['/a', '/b', '/c'];
await Promise.all(
  paths.map(async path => {
    const [response] = await once(http.get({ port, host: 'no.such.host.test', path, agent }), 'response');
    print(await response.setEncoding('utf8').toArray(), Object.keys(agent.sockets), Object.keys(agent.requests));
  }),
);
agent.destroy();
