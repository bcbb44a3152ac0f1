// unhandled-errors.ts <what> <port> [caught]: lets one operation fail without an error handler. `caught` prints the errors
// that reach the process.
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';

const [what, text, caught] = process.argv.slice(2);
const port = Number(text);
const host = '127.0.0.1';

if (caught) {
  process.on('uncaughtExceptionMonitor', (error, origin) => console.log('monitor', origin, error.message));
  process.on('uncaughtException', (error, origin) => {
    console.log('uncaught', origin, error.message, (error as NodeJS.ErrnoException).code, Object.keys(error).join());
  });
}
process.on('exit', code => console.log('exit', code));

switch (what) {
  case 'socket':
    net.connect(port, host);
    break;
  case 'tls':
    tls.connect({ port, host });
    break;
  case 'http':
    http.get({ port, host });
    break;
  case 'http body': // the server closes the connection in the middle of the body
    http.get({ port, host, path: '/drop' });
    break;
  case 'http2':
    http2.connect(`http://${host}:${port}`);
    break;
  case 'fetch':
    void fetch(`http://${host}:${port}/drop`);
    break;
  case 'bad port':
    net.connect(65_536, host);
    break;
  case 'bad lookup':
    net.connect({ port, host: 'any.test', lookup: (_name, _options, done) => done(new Error('no such name'), '', 4) });
    break;
  case 'throwing lookup':
    net.connect({
      port,
      host: 'any.test',
      lookup: () => {
        throw new Error('thrown by lookup');
      },
    });
    break;
  case 'listener':
    net.connect(port, host).on('connect', () => {
      throw new Error('thrown by a listener');
    });
    break;
  case 'close listener':
    net
      .connect(port, host)
      .on('connect', function (this: net.Socket) {
        this.destroy(new Error('destroyed by the program'));
      })
      .on('error', error => console.log('error', error.message))
      .on('close', hadError => {
        console.log('close', hadError);
        throw new Error('thrown at close');
      });
    break;
  default:
    throw new Error(`cannot fail as ${what}`);
}
