// Replayed clients: prepared messages are published on the real channels, so that only the subscribers are measured.
// test/live shows that real clients publish these messages.
import { channel } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import { Agent } from 'node:http';

/** A fake socket whose events are emitted by the bench. */
export class FakeSocket extends EventEmitter {
  connecting = true;
  closed = false;
  destroyed = false;
  writableEnded = false;
  bytesRead = 0;
  readableLength = 0;
  errored = null;
  readonly encrypted: boolean;

  constructor(encrypted = false) {
    super();
    this.encrypted = encrypted;
  }

  isPaused() {
    return false;
  }

  getProtocol() {
    return 'TLSv1.3';
  }

  isSessionReused() {
    return true;
  }
}

const attempted = channel('net.client.socket');
const beforeConnect = channel('undici:client:beforeConnect');
const taken = channel('undici:client:connected');
const requestCreated = channel('undici:request:create');
const sendHeaders = channel('undici:client:sendHeaders');
const undiciAnswered = channel('undici:request:headers');
const undiciOver = channel('undici:request:trailers');
const created = channel('http.client.request.created');
const started = channel('http.client.request.start');
const httpAnswered = channel('http.client.response.finish');
const streamStarted = channel('http2.client.stream.start');
const streamClosed = channel('http2.client.stream.close');

/** One event of a connection. */
export interface Step<Life> {
  readonly event: string;
  readonly play: (life: Life) => void;
}

/** All events of a connection with one request, from its first to its last. */
export interface ConnectionScript<Life = never> {
  readonly title: string;
  readonly make: (host: string) => Life;
  readonly steps: readonly Step<Life>[];
}

interface UndiciState {
  readonly socket: FakeSocket;
  readonly connect: object;
  readonly connected: object;
  readonly request: { completed: boolean };
  readonly sent: object;
  readonly answer: object;
}

const undiciConnector = () => {};

/** A Client in a Pool, which listens to it. */
const undiciClient = new EventEmitter();
for (const event of ['connect', 'disconnect', 'connectionError', 'drain']) undiciClient.on(event, () => {});
const CLIENT = Symbol('client');

function undiciState(host: string, encrypted: boolean, headers: readonly string[]): UndiciState {
  const protocol = encrypted ? 'https:' : 'http:';
  const connectParams = { hostname: host, port: '8080', protocol };
  const socket = Object.assign(new FakeSocket(encrypted), { [CLIENT]: undiciClient });
  const request = {
    origin: `${protocol}//${host}:8080`,
    method: 'GET',
    completed: true,
    aborted: false,
    upgrade: null,
  };
  const response = { statusCode: 200, headers: headers.map(text => Buffer.from(text)) };
  return {
    socket,
    connect: { connectParams, connector: undiciConnector },
    connected: { connectParams, connector: undiciConnector, socket },
    request,
    sent: { request, socket, headers: 'GET / HTTP/1.1\r\nhost: a.test\r\nconnection: keep-alive\r\n' },
    answer: { request, response },
  };
}

const NODE_ANSWERS = ['Connection', 'keep-alive', 'Keep-Alive', 'timeout=5', 'Content-Length', '5'] as const;
const APACHE_ANSWERS = ['Keep-Alive', 'timeout=5, max=100', 'Connection', 'Keep-Alive', 'Content-Length', '5'] as const;

function lookUp(socket: FakeSocket): void {
  socket.emit('lookup', null, '127.0.0.1', 4, 'a.test');
}

function dial(socket: FakeSocket): void {
  socket.emit('connectionAttempt', '127.0.0.1', 8080, 4);
}

function connect(socket: FakeSocket): void {
  socket.connecting = false;
  socket.emit('connect');
}

function close(socket: FakeSocket): void {
  socket.closed = true;
  socket.emit('close');
}

export const UNDICI_CONNECTION: ConnectionScript<UndiciState> = {
  title: 'undici and `fetch`, TLS',
  make: host => undiciState(host, true, NODE_ANSWERS),
  steps: [
    {
      event: 'beforeConnect, net.client.socket',
      play: ({ connect, socket }) => {
        beforeConnect.publish(connect);
        attempted.publish({ socket });
      },
    },
    { event: 'lookup', play: ({ socket }) => lookUp(socket) },
    { event: 'connectionAttempt', play: ({ socket }) => dial(socket) },
    { event: 'connect', play: ({ socket }) => connect(socket) },
    { event: 'secureConnect', play: ({ socket }) => void socket.emit('secureConnect') },
    { event: 'connected', play: ({ connected }) => taken.publish(connected) },
    {
      event: 'sendHeaders',
      play: ({ sent, request }) => {
        request.completed = false;
        sendHeaders.publish(sent);
      },
    },
    {
      event: 'request:headers', // and request:trailers: the response is short
      play: ({ answer, socket, request }) => {
        socket.bytesRead += 100;
        undiciAnswered.publish(answer);
        request.completed = true;
        undiciOver.publish(answer);
      },
    },
    { event: 'close', play: ({ socket }) => close(socket) },
  ],
};

interface HttpState {
  readonly socket: FakeSocket;
  readonly first: { request: FakeRequest };
  readonly sent: { request: FakeRequest };
  readonly answer: object;
}

interface FakeRequest {
  socket: FakeSocket | null;
  destroyed: boolean;
}

const RESPONSE = {
  complete: true,
  httpVersion: '1.1',
  rawHeaders: ['Connection', 'keep-alive', 'Keep-Alive', 'timeout=5'],
};

function httpRequest(host: string, agent: Agent, socket: FakeSocket | null, reusedSocket: boolean): FakeRequest {
  const request = {
    agent,
    socket,
    host,
    protocol: 'http:',
    method: 'GET',
    path: '/',
    destroyed: false,
    reusedSocket,
    getHeader: (name: string) => (name === 'host' ? `${host}:8080` : undefined),
  };
  return request;
}

const agent = new Agent({ keepAlive: true });
const NAME = 'a.test:8080:';
const used: FakeSocket[] = [];
// Another connection of the agent is idle, as is usual.
Object.assign(agent.freeSockets, { [NAME]: [new FakeSocket()] });
Object.assign(agent.sockets, { [NAME]: used });

export const HTTP_CONNECTION: ConnectionScript<HttpState> = {
  title: '`node:http`',
  make: host => {
    const socket = new FakeSocket();
    const request = httpRequest(host, agent, null, false);
    return { socket, first: { request }, sent: { request }, answer: { request, response: RESPONSE } };
  },
  steps: [
    {
      event: 'net.client.socket, request.created',
      play: ({ socket, first }) => {
        attempted.publish({ socket });
        used.push(socket);
        created.publish(first);
      },
    },
    { event: 'lookup', play: ({ socket }) => lookUp(socket) },
    { event: 'connectionAttempt', play: ({ socket }) => dial(socket) },
    {
      event: 'connect',
      play: ({ socket, first }) => {
        first.request.socket = socket;
        connect(socket);
      },
    },
    { event: 'request.start', play: ({ sent }) => started.publish(sent) },
    {
      event: 'response.finish',
      play: ({ socket, answer }) => {
        socket.bytesRead += 100;
        httpAnswered.publish(answer);
      },
    },
    {
      event: 'free',
      play: ({ socket, first }) => {
        first.request.destroyed = true;
        socket.emit('free');
      },
    },
    {
      event: 'close',
      play: ({ socket }) => {
        used.splice(used.indexOf(socket), 1);
        close(socket);
      },
    },
  ],
};

/** A connection of undici without TLS, to an address. */
const UNDICI_PLAIN: ConnectionScript<UndiciState> = {
  title: 'undici',
  make: () => undiciState('127.0.0.1', false, NODE_ANSWERS),
  steps: UNDICI_CONNECTION.steps.filter(({ event }) => event !== 'lookup' && event !== 'secureConnect'),
};

/** A socket of `net.connect` to an address. */
const NET_CONNECTION: ConnectionScript<FakeSocket> = {
  title: '`net.connect`, no HTTP',
  make: () => new FakeSocket(),
  steps: [
    { event: 'net.client.socket', play: socket => attempted.publish({ socket }) },
    { event: 'connectionAttempt', play: dial },
    { event: 'connect', play: connect },
    { event: 'close', play: close },
  ],
};

/** Connections from their first event to their last, by client. */
export const CONNECTIONS = {
  net: NET_CONNECTION,
  http: HTTP_CONNECTION,
  undici: UNDICI_PLAIN,
  'undici-tls': UNDICI_CONNECTION,
};

export type ReplayedConnection = keyof typeof CONNECTIONS;

/** Opens a connection; returns a function that replays one request and its response on it. */
export type OpenConnection = () => () => void;

function undiciReusing(headers: readonly string[]): OpenConnection {
  return () => {
    const lives = [1, 2].map(() => undiciState('a.test', false, headers));
    const [{ socket, connect: connecting, connected }] = lives as [UndiciState];
    beforeConnect.publish(connecting);
    attempted.publish({ socket });
    dial(socket);
    connect(socket);
    taken.publish(connected);

    const exchanges = lives.map(({ request, sent, answer }) => ({ request, sent: { ...sent, socket }, answer }));
    return alternating(exchanges, ({ request, sent, answer }) => {
      request.completed = false;
      requestCreated.publish(sent);
      sendHeaders.publish(sent);
      socket.bytesRead += 100;
      undiciAnswered.publish(answer);
      request.completed = true;
      undiciOver.publish(answer);
    });
  };
}

/** Sends requests on one connection of undici. Each function that it returns answers one, in the same order. */
export function undiciPipelining(): () => () => void {
  const { socket, connect: connecting, connected, request, answer } = undiciState('a.test', false, NODE_ANSWERS);
  beforeConnect.publish(connecting);
  attempted.publish({ socket });
  dial(socket);
  connect(socket);
  taken.publish(connected);
  return () => {
    const own = { ...request, completed: false };
    requestCreated.publish({ request: own });
    sendHeaders.publish({ request: own, socket, headers: '' });
    return () => {
      undiciAnswered.publish({ ...answer, request: own });
      own.completed = true;
      undiciOver.publish({ request: own });
    };
  };
}

function httpReusing(): () => void {
  const { socket, first } = HTTP_CONNECTION.make('a.test');
  attempted.publish({ socket });
  used.push(socket);
  created.publish(first);
  dial(socket);
  connect(socket);

  const exchanges = [1, 2].map(() => {
    const request = httpRequest('a.test', agent, socket, true);
    return { request, sent: { request }, answer: { request, response: RESPONSE } };
  });
  return alternating(exchanges, ({ request, sent, answer }) => {
    request.destroyed = false;
    created.publish(sent);
    started.publish(sent);
    socket.bytesRead += 100;
    httpAnswered.publish(answer);
    request.destroyed = true;
    socket.emit('free');
  });
}

function http2Reusing(): () => void {
  const socket = new FakeSocket();
  attempted.publish({ socket });
  dial(socket);
  connect(socket);
  const session = Object.assign(new EventEmitter(), { socket });
  const message = { stream: { id: 1, session } };
  return () => {
    streamStarted.publish(message);
    streamClosed.publish(message);
  };
}

/** Alternates between two requests, because consecutive requests are distinguished by identity. */
function alternating<T>(two: readonly T[], play: (each: T) => void): () => void {
  let turn = 0;
  return () => play(two[turn++ & 1] as T);
}

/** Requests on a reused connection, by client. */
export const REUSED_CONNECTIONS = {
  undici: {
    title: 'undici, `fetch`',
    events: 'create, sendHeaders, request:headers',
    open: undiciReusing(NODE_ANSWERS),
  },
  apache: {
    title: 'undici, an Apache answers',
    events: 'create, sendHeaders, request:headers',
    open: undiciReusing(APACHE_ANSWERS),
  },
  http: { title: '`node:http`', events: 'created, start, response.finish, free', open: httpReusing },
  http2: { title: '`node:http2`', events: 'stream.start, stream.close', open: http2Reusing },
} satisfies Record<string, { title: string; events: string; open: OpenConnection }>;

export type ReusedClient = keyof typeof REUSED_CONNECTIONS;
