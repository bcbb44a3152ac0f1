// HTTP/2: settings, ping, a pushed stream, trailers, a reset, GOAWAY, and what stays open.
import { once } from 'node:events';
import http2 from 'node:http2';
import { describeError, listen, print, printEvents } from '../program-helpers.ts';

const server = http2.createServer({ settings: { maxConcurrentStreams: 7 } });
server.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  if (headers[':path'] === '/reset') return void stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
  if (headers[':path'] === '/goaway') stream.session?.goaway(0);
  if (headers[':path'] === '/push')
    stream.pushStream({ ':path': '/pushed' }, (_, pushed) => {
      pushed.respond({ ':status': 200 });
      pushed.end('pushed');
    });
  stream.respond({ ':status': 200 }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-t': '1' }));
  stream.end('ok');
});
const session = http2.connect(`http://127.0.0.1:${await listen(server as never)}`);
printEvents('session', session, 'connect', 'goaway', 'frameError', 'error', 'close');
session.on('stream', pushed => pushed.on('push', headers => print('push', headers[':status'])).resume());
await once(session, 'remoteSettings');
print(session.remoteSettings.maxConcurrentStreams, session.encrypted, session.alpnProtocol, session.type);
print((await new Promise<unknown[]>(resolve => session.ping((...args) => resolve(args))))[0]);
for (const path of ['/', '/push', '/reset', '/goaway']) {
  const stream = session.request({ ':path': path });
  printEvents(path, stream, 'ready', 'trailers', 'end', 'aborted', 'close');
  stream
    .on('error', error => print(path, describeError(error)))
    .on('response', headers => print(path, headers[':status']));
  stream.resume();
  await new Promise(resolve => stream.on('close', resolve));
  print(path, stream.id, stream.rstCode);
}
process.exit(); // how long a closed session lingers depends on the version of Node
