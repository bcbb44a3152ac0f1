// Replayed servers: prepared messages are published on the real channels, so that only the subscribers are measured.
import { channel } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';

/** Connections that take turns. */
const CONNECTIONS = 100;

/** What undici sends, and Node answers. */
const REQUEST = {
  httpVersion: '1.1',
  headers: {},
  rawHeaders: ['host', 'a.test', 'connection', 'keep-alive', 'accept', '*/*'],
};
const RESPONSE = { shouldKeepAlive: true, hasHeader: () => false };

class Listening extends EventEmitter {
  headersTimeout = 60_000;
  keepAliveTimeout = 5_000;
  maxRequestsPerSocket = 0;
  readonly port: number;
  constructor(port: number) {
    super();
    this.port = port;
  }
  address = () => ({ address: '::', port: this.port, family: 'IPv6' });
}

class SecureListening extends Listening {
  addContext = () => {};
}

class Http2Listening extends EventEmitter {
  updateSettings = () => {};
  address = () => ({ address: '::', port: 82, family: 'IPv6' });
}

class Socket extends EventEmitter {
  readonly server: EventEmitter;
  closed = false;
  destroyed = false;
  pending = false;
  writableEnded = false;
  bytesRead = 100;
  alpnProtocol = false;
  remoteAddress = '127.0.0.1';
  remotePort: number;
  localAddress = '127.0.0.1';
  localPort = 80;
  constructor(server: EventEmitter, remotePort: number) {
    super();
    this.server = server;
    this.remotePort = remotePort;
  }
  getProtocol = () => 'TLSv1.3';
  isSessionReused = () => false;
}

const accepted = channel('net.server.socket');

function accept(server: EventEmitter, remotePort: number): Socket {
  const socket = new Socket(server, remotePort);
  accepted.publish({ socket });
  return socket;
}

function inTurn<T>(items: readonly T[], play: (item: T) => void): () => void {
  let turn = 0;
  return () => {
    play(items[turn] as T);
    turn = turn + 1 === items.length ? 0 : turn + 1;
  };
}

function exchanging(server: EventEmitter, speaking: (raw: Socket) => Socket): () => void {
  const begun = channel('http.server.request.start');
  const over = channel('http.server.response.finish');
  const exchanges = Array.from({ length: CONNECTIONS }, (_, i) => {
    const socket = speaking(accept(server, 1024 + i));
    return { request: REQUEST, response: RESPONSE, socket, server };
  });
  return inTurn(exchanges, exchange => {
    begun.publish(exchange);
    over.publish(exchange);
  });
}

export function http(): () => void {
  return exchanging(new Listening(80), raw => raw);
}

export function https(): () => void {
  const server = new SecureListening(81);
  return exchanging(server, raw => {
    const speaking = new Socket(server, raw.remotePort);
    server.emit('secureConnection', speaking);
    return speaking;
  });
}

export function http2(): () => void {
  const server = new Http2Listening();
  const begun = channel('http2.server.stream.start');
  const over = channel('http2.server.stream.close');
  const streams = Array.from({ length: CONNECTIONS }, (_, i) => {
    const session = Object.assign(new EventEmitter(), { socket: accept(server, 1024 + i), destroyed: false });
    return { stream: { id: 1, session } };
  });
  return inTurn(streams, stream => {
    begun.publish(stream);
    over.publish(stream);
  });
}

/** Accepts a connection and serves one request on it. Returns a function that closes it. */
export function serving(): () => () => void {
  const server = new Listening(80);
  const begun = channel('http.server.request.start');
  const over = channel('http.server.response.finish');
  let port = 1024;
  return () => {
    const socket = accept(server, port++ & 0xffff);
    const exchange = { request: REQUEST, response: RESPONSE, socket, server };
    begun.publish(exchange);
    over.publish(exchange);
    return () => {
      socket.emit('end');
      socket.closed = true;
      socket.emit('close');
    };
  };
}

/** A connection from accept to close, with one request. */
export function connections(): () => void {
  const serve = serving();
  return () => serve()();
}
