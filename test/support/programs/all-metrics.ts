// all-metrics.ts: makes connections that produce every metric, up to twice a second until it is killed. Prints "running"
// once each kind has run. Its servers run in the same process.
import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo, type Server } from 'node:net';
import tls from 'node:tls';
import { withCaller } from '../../../src/index.ts';
import { certificate } from '../certificates.ts';

const valid = await certificate();
const expired = await certificate({ expired: true });
const LARGE = Buffer.alloc(200_000, '.');

const small: http.RequestListener = (_request, response) => void response.end('hello');
const plain = await listen(http.createServer(small));
const hangUp = await listen(http.createServer(small));
const overIpv6 = await listen(http.createServer(small), '::1').catch(() => 1); // some machines have no IPv6
const late = await listen(http.createServer((_request, response) => void setTimeout(() => response.end(), 300)));
const large = await listen(http.createServer((_request, response) => void response.end(LARGE)));
const closing = await listen(http.createServer({ keepAliveTimeout: 1_000 }, small));
const impatient = await listen(
  http.createServer({ keepAliveTimeout: 1_000, keepAliveTimeoutBuffer: 0 }, (_request, response) => {
    response.setHeader('Connection', 'keep-alive'); // so that Node does not tell its limit
    response.end('hello');
  }),
);
/** Answers the first request of each connection, and ends it at the next one, or at once if that asks for it. */
const racing = await listen(
  net.createServer(socket => {
    let requests = 0;
    socket
      .on('error', () => {})
      .on('data', data => {
        if (requests++ === 0 && !String(data).includes('/at-once'))
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
        else socket.end();
      });
  }),
);
const secure = await listen(https.createServer(valid, small));
const tooOld = await listen(https.createServer(expired, small).on('tlsClientError', () => {}));
const limited = { settings: { maxConcurrentStreams: 50 } };
const streams = await listen(http2.createServer(limited, (_request, response) => void response.end('hello')));
const goes = await listen(
  http2.createServer((_request, { stream }) => {
    stream.respond();
    stream.end();
    stream.session?.goaway();
  }),
);
const mute = await listen(net.createServer(socket => void socket.on('error', () => {}).resume()));
const echo = await listen(net.createServer(socket => void socket.on('error', () => {}).pipe(socket)));

async function listen(server: Server, host = 'localhost'): Promise<number> {
  await once(server.listen(0, host), 'listening');
  return (server.address() as AddressInfo).port;
}

/** Sends a request with `node:http` and reads the response to the end. */
function get(url: string, options: https.RequestOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const { get } = url.startsWith('https:') ? https : http;
    get(url, options, response => response.resume().on('end', resolve)).on('error', reject);
  });
}

const fetched = async (url: string) => void (await (await fetch(url)).text());
const gone = (socket: net.Socket) => new Promise(resolve => socket.on('error', () => {}).on('close', resolve));

/** Leads to an error inside connmeter: a client publishes a request that cannot be read. */
async function publishUnreadable(): Promise<void> {
  const socket = net.connect(echo, 'localhost');
  await once(socket, 'connect');
  const request = {
    origin: `http://localhost:${echo}`,
    get completed(): never {
      throw new Error('unreadable');
    },
  };
  channel('undici:client:sendHeaders').publish({ request, headers: '', socket });
  setTimeout(() => socket.end(), 2_000);
  await gone(socket.resume());
}

const keeps = new https.Agent({ keepAlive: true, ca: valid.cert });
const resumes = new https.Agent({ keepAlive: false, ca: valid.cert }); // new connections that resume the TLS session
const keepsPlain = new http.Agent({ keepAlive: true });
const one = new http.Agent({ keepAlive: true, maxSockets: 1 });
const viaProxy = { agent: keepsPlain, headers: { Via: '1.1 proxy' } };
const session = http2.connect(`http://localhost:${streams}`).on('error', () => {});
/** Responses with unread bodies. The oldest is cancelled, so that there are always a few. */
const held: Response[] = [];

const ways: readonly (() => Promise<unknown>)[] = [
  () => fetched(`http://localhost:${plain}/`),
  () => fetched(`http://localhost:${plain}/`),
  () => fetched(`http://localhost:${late}/`),
  () => Promise.all([1, 2, 3].map(() => fetched(`http://localhost:${late}/`))),
  () => fetched(`http://localhost:${closing}/`),
  async () => {
    await Promise.all(Array.from({ length: 10 }, () => get(`http://localhost:${impatient}/`, viaProxy)));
    await pause(1_500); // until the server has closed them
  },
  () => Promise.all([1, 2].map(() => get(`http://localhost:${late}/`, { agent: one }))).then(() => {}),
  () =>
    get(`http://localhost:${racing}/`, { agent: one }).then(() => get(`http://localhost:${racing}/`, { agent: one })),
  () => get(`http://localhost:${racing}/at-once`, { agent: false }),
  () => get(`http://localhost:${hangUp}/`, { agent: new http.Agent({ keepAlive: false }) }),
  () => get(`http://[::1]:${overIpv6}/`, { agent: false }),
  () => get(`https://localhost:${secure}/`, { agent: keeps }),
  () => get(`https://localhost:${secure}/`, { agent: resumes }),
  () => get(`https://localhost:${secure}/`, { agent: false, ca: valid.cert }), // no session to resume
  () => get(`https://localhost:${tooOld}/`, { agent: false, ca: expired.cert }),
  () => get('http://localhost:1/', { agent: false }), // refused
  () => get('http://no-such-name.invalid/', { agent: false }),
  () => get(`http://127.0.0.1:${plain}/`, { agent: false, localAddress: '192.0.2.1' }), // EADDRNOTAVAIL
  () => once(session.request({ ':path': '/' }).resume(), 'end'),
  async () => {
    const short = http2.connect(`http://localhost:${goes}`).on('error', () => {});
    await once(short.request({ ':path': '/' }).resume(), 'end');
    short.destroy();
  },
  () => withCaller('checkout', () => get(`http://localhost:${plain}/`, { agent: new http.Agent() })),
  () => gone(net.connect(echo, 'localhost').end('hello').resume()),
  publishUnreadable,
  () => {
    const socket = tls.connect(mute, 'localhost'); // the handshake hangs
    setTimeout(() => socket.destroy(), 2_000);
    return gone(socket);
  },
  async () => {
    held.push(await fetch(`http://localhost:${large}/`));
    if (held.length > 4) await held.shift()?.body?.cancel();
  },
];

const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds));

async function repeat(way: () => Promise<unknown>): Promise<never> {
  for (;;) await Promise.allSettled([way(), pause(500)]);
}

const first = ways.map(way => Promise.allSettled([way()]).then(() => void repeat(way)));
await Promise.race([Promise.all(first), pause(5_000)]); // a lookup is slow if no resolver answers
console.log('running');
