// Everything that a recorded program talks to, in a process of its own, so that connmeter does not measure it. It ends with its parent.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { close, open } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** What a program can ask for. Each has a port on 127.0.0.1, except `clients`. */
export interface Wishes {
  /** Answers `/?wait=<ms>` after that time, and everything else at once. `hint: false` hides its timeout from clients. */
  http: { keepAliveTimeout?: number; hint?: boolean; key?: string; cert?: string; hosts?: readonly string[] };
  /** Answers the first request of each connection, and resets the connection at the second. */
  resetsOnReuse: object;
  /** Answers each line with a line, as a database does. */
  lines: object;
  /** Accepts connections, and says nothing. */
  silent: object;
  /** Refuses every CONNECT with this status. */
  proxy: { status: number };
  /** Its queue is full, so connects get no answer. */
  full: object;
  /** Stops an HTTP server, and starts it again after some time. */
  restart: { port: number; downFor: number };
  /** Opens a named pipe for writing, again and again. */
  writesTo: { path: string; every: number };
  /** Clients that each send a request, wait, and send the next one. */
  clients: { port: number; count: number; pause: number; behindProxy?: boolean; closeAfter?: number };
}

type Handlers = { [Kind in keyof Wishes]: (wish: Wishes[Kind]) => Promise<number> | number };

/** Longer than any recording. */
const MAX_SECONDS = 900;

const servers = new Map<number, http.Server>();

const handlers: Handlers = {
  async http({ keepAliveTimeout = 5_000, hint = true, key, cert, hosts = ['127.0.0.1'] }) {
    const answer: http.RequestListener = async (request, response) => {
      const wait = Number(new URL(request.url ?? '/', 'http://a').searchParams.get('wait'));
      if (wait > 0) await pause(wait);
      // An explicit header keeps Node from adding its own, with the hint.
      if (!hint) response.setHeader('connection', 'keep-alive');
      response.end('x'.repeat(500));
    };
    const options = { keepAliveTimeout };
    const create = () =>
      key && cert ? https.createServer({ ...options, key, cert }, answer) : http.createServer(options, answer);
    let port = 0;
    for (const host of hosts) {
      const server = create();
      await once(server.listen(port, host), 'listening');
      ({ port } = server.address() as AddressInfo);
      servers.set(port, server);
    }
    return port;
  },

  resetsOnReuse: () =>
    listening(
      net.createServer(socket => {
        let requests = 0;
        socket.on('error', () => {});
        socket.on('data', () => {
          if (++requests > 1) socket.resetAndDestroy();
          else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok');
        });
      }),
    ),

  lines: () => listening(net.createServer(socket => void socket.on('error', () => {}).pipe(socket))),

  silent: () => listening(net.createServer(socket => void socket.on('error', () => {}).resume())),

  proxy: ({ status }) =>
    listening(
      net.createServer(socket => {
        socket.on('error', () => {});
        socket.once('data', () => socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`));
      }),
    ),

  async full() {
    const child = fork(new URL(import.meta.url).pathname, ['full'], { execArgv: [] });
    children.push(child);
    const [port] = (await once(child, 'message')) as [number];
    for (let i = 0; i < 3; i++) net.connect(port, '127.0.0.1').on('error', () => {});
    await pause(500);
    return port;
  },

  async restart({ port, downFor }) {
    const server = servers.get(port);
    server?.close();
    server?.closeAllConnections();
    await pause(downFor);
    server?.listen(port, '127.0.0.1');
    return port;
  },

  writesTo({ path, every }) {
    const write = () =>
      open(path, 'w', (error, file) => (error ? undefined : close(file, () => setTimeout(write, every))));
    write();
    return 0;
  },

  clients({ port, count, pause: milliseconds, behindProxy = false, closeAfter = 60_000 }) {
    const headers = behindProxy ? { 'x-forwarded-for': '192.0.2.7' } : {};
    for (let i = 0; i < count; i++) void oneClient(port, milliseconds, headers, closeAfter);
    return 0;
  },
};

/** A client with one connection, as a browser or a slot of a proxy has one. */
async function oneClient(port: number, milliseconds: number, headers: http.OutgoingHttpHeaders, closeAfter: number) {
  // A proxy has a timeout of its own, and does not follow the server's hint.
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1, timeout: closeAfter });
  for (;;) {
    await pause(milliseconds * (0.5 + Math.random()));
    await new Promise(resolve => {
      const request = http.get({ port, host: '127.0.0.1', agent, headers }, response => response.resume());
      request.on('error', () => {}).on('close', resolve);
    });
  }
}

async function listening(server: net.Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

const children: ChildProcess[] = [];

if (process.argv[2] === 'full') {
  const server = net.createServer();
  await once(server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }), 'listening');
  process.send?.((server.address() as AddressInfo).port);
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, MAX_SECONDS * 1_000)); // accepts nothing
} else {
  process.on('message', async ({ id, kind, wish }: { id: number; kind: keyof Wishes; wish: never }) => {
    process.send?.({ id, port: await handlers[kind](wish) });
  });
  process.on('disconnect', () => {
    for (const child of children) child.kill('SIGKILL');
    process.exit();
  });
  setTimeout(() => process.exit(), MAX_SECONDS * 1_000).unref();
}
