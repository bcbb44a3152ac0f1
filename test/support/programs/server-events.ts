// server-events.ts <key> <certificate>: sends requests of all kinds to servers of all kinds, and prints every event in order.
// Also covers what Node does by default when an event has no listener.
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import tls from 'node:tls';

const [key, cert] = process.argv.slice(2).map(text => Buffer.from(text, 'base64').toString()) as [string, string];
const EVENTS = ['lookup', 'end', 'finish', 'timeout', 'error', 'close'];
const ACTED_ON = [
  'clientError',
  'timeout',
  'upgrade',
  'connect',
  'checkContinue',
  'checkExpectation',
  'unknownProtocol',
];
const READING = ['error', 'data', 'readable', 'drain'];

const tell = (...words: unknown[]) => console.log(...words);

function tellAbout(name: string, socket: Socket): void {
  tell(name, ...READING.map(event => socket.listenerCount(event)), socket.readableFlowing);
  for (const event of EVENTS) socket.on(event, () => tell(name, event, socket.readyState, socket.destroyed));
}

async function listening(name: string, server: Server): Promise<number> {
  server.on('connection', (socket: Socket) => tellAbout(`${name} accepted`, socket));
  server.on('secureConnection', (socket: Socket) => tellAbout(`${name} secured`, socket));
  server.on('drop', () => tell(name, 'drop'));
  server.on('close', () => tell(name, 'close'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  tell(name, ...ACTED_ON.map(event => server.listenerCount(event)));
  return (server.address() as AddressInfo).port;
}

/** Sends words, and prints the whole response. */
async function exchange(name: string, socket: Socket, ...words: string[]): Promise<void> {
  let said = '';
  socket.on('error', ({ message }) => tell(name, 'client met', message));
  socket.setEncoding('latin1').on('data', text => {
    said += text;
  });
  for (const word of words) socket.write(word);
  await once(socket, 'close').catch(() => {});
  tell(name, 'answered', JSON.stringify(said.replace(/Date: .*?\r\n/g, '')));
}

const answer: http.RequestListener = (request, response) => {
  tell('request', request.method, request.url, request.httpVersion);
  request.on('close', () => tell('request closed'));
  for (const event of ['finish', 'close']) response.on(event, () => tell('response', event));
  response.end('hello');
};

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const CLOSING = 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

const plain = http.createServer(answer);
const port = await listening('http', plain);
const dial = () => net.connect(port, '127.0.0.1');
await exchange('http', dial(), GET, CLOSING);
await exchange('http, no HTTP', dial(), 'what?\r\n\r\n');
await exchange(
  'http, an upgrade that nobody wants',
  dial(),
  CLOSING.replace('Connection: close', 'Connection: upgrade, close\r\nUpgrade: x'),
);
await exchange('http, a tunnel that nobody digs', dial(), 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n');
await exchange('http, to be continued', dial(), CLOSING.replace('Host', 'Expect: 100-continue\r\nHost'));
plain.maxConnections = 0;
await exchange('http, full', dial());
plain.close();
await once(plain, 'close');

const strict = http.createServer({ connectionsCheckingInterval: 20, headersTimeout: 50, requestTimeout: 50 }, answer);
const strictPort = await listening('strict', strict);
await exchange('strict, too slow', net.connect(strictPort, '127.0.0.1'), 'GET / HTTP/1.1\r\nHo');
strict.close();
await once(strict, 'close');

const impatient = http.createServer(() => {}).setTimeout(200);
const impatientPort = await listening('impatient', impatient);
await exchange('impatient', net.connect(impatientPort, '127.0.0.1'), GET);
impatient.close();
await once(impatient, 'close');

const secure = https.createServer({ key, cert }, answer);
const securePort = await listening('https', secure);
const dialSecure = () => tls.connect({ port: securePort, host: '127.0.0.1', ca: cert });
const first = dialSecure();
await once(first, 'secureConnect');
await exchange('https', first, GET, CLOSING);
await exchange('https, plain', net.connect(securePort, '127.0.0.1'), GET);
secure.close();
await once(secure, 'close');

const hasty = https.createServer({ key, cert, handshakeTimeout: 100 }, answer);
const hastyPort = await listening('hasty', hasty);
await exchange('hasty, silent', net.connect(hastyPort, '127.0.0.1'));
hasty.close();
await once(hasty, 'close');

const both = http2.createSecureServer({ key, cert, allowHTTP1: true }, answer as never);
const bothPort = await listening('http2', both);
const session = http2.connect(`https://127.0.0.1:${bothPort}`, { ca: cert });
await once(session.request({ ':path': '/stream' }).resume(), 'end');
session.close();
await once(session, 'close');
const fallback = tls.connect({ port: bothPort, host: '127.0.0.1', ca: cert });
await once(fallback, 'secureConnect');
await exchange('http2, fallback', fallback, CLOSING);
both.close();
await once(both, 'close');

const echo = net.createServer(socket => socket.pipe(socket));
const echoPort = await listening('echo', echo);
const client = net.connect(echoPort, '127.0.0.1', () => client.end('hello'));
await exchange('echo', client);
echo.close();
await once(echo, 'close');

// A listening server keeps the process alive, with and without connmeter; an unref'ed one does not.
http.createServer(answer).listen(0, '127.0.0.1').unref();
process.on('exit', code => tell('exit', code));
