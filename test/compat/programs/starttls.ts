// Plain text first, then TLS on the same socket.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { certificate, listen, print, printEvents } from '../program-helpers.ts';

const context = tls.createSecureContext(certificate);
const port = await listen(
  net.createServer(socket => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write('go ahead\n');
      new tls.TLSSocket(socket, { isServer: true, secureContext: context })
        .on('error', () => {})
        .pipe(process.stdout, { end: false });
    });
  }),
);
for (const host of ['localhost', '127.0.0.1']) {
  const plain = net.connect(port, host);
  printEvents('plain', plain, 'lookup', 'connect', 'ready', 'end', 'close');
  plain.write('STARTTLS\n');
  print(String((await once(plain, 'data'))[0]).trim());
  const secure = tls.connect({ socket: plain, ca: certificate.cert, servername: 'localhost' });
  printEvents('secure', secure, 'connect', 'ready', 'secureConnect', 'end', 'finish', 'close');
  await once(secure, 'secureConnect');
  secure.end('secret\n');
  await once(secure, 'close');
}
