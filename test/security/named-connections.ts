import { publish, ReplaySocket } from '../support/replay.ts';

const socketOf = (life: (socket: ReplaySocket) => void) => {
  const socket = new ReplaySocket();
  socket.connecting = true;
  socket.on('error', () => {});
  publish('net.client.socket', { socket });
  life(socket);
  return socket;
};

function dialled(socket: ReplaySocket, address: string, port?: number, family?: number): void {
  socket.emit('connectionAttempt', address, port, family);
  socket.connecting = false;
  socket.emit('connect');
}

function closed(socket: ReplaySocket): void {
  socket.connecting = false;
  socket.closed = true;
  socket.emit('close', false);
}

const failing = (name: string, syscall: string) =>
  Object.assign(new Error(name), { code: name, name, syscall, errno: name });

/**
 * Replays connections that carry this name in every place that a client can control: host, address, path, header, error.
 * Only a path may be any text, so `path` can be turned off. The events are published as Node and undici do, so that no
 * resolver and no header check filters the name.
 */
export function replayConnections(name: string, { path = true } = {}): void {
  // plain sockets: opened and closed, a failed lookup, a failed connect
  closed(
    socketOf(socket => {
      socket.emit('lookup', null, '127.0.0.1', 4, name);
      dialled(socket, '127.0.0.1', 1, 4);
    }),
  );
  for (const failed of [failing(name, 'getaddrinfo'), failing(name, 'connect')]) {
    closed(
      socketOf(socket => {
        socket.emit('lookup', failed.syscall === 'getaddrinfo' ? failed : null, name, 4, name);
        if (failed.syscall === 'connect') {
          socket.emit('connectionAttempt', name, 1, 4);
          socket.emit('connectionAttemptFailed', name, 1, 4, failed);
        }
        socket.emit('error', failed);
      }),
    );
  }
  if (path) socketOf(socket => dialled(socket, name)); // a Unix socket, left open

  // node:http with a new pool each time, which triggers a call-site warning
  for (let pool = 0; pool < 4; pool++) {
    const socket = new ReplaySocket();
    socket.connecting = true;
    socket.on('error', () => {});
    publish('net.client.socket', { socket });
    const request = {
      host: name,
      protocol: name,
      method: name,
      path: name,
      reusedSocket: false,
      destroyed: false,
      agent: { keepAlive: true, maxFreeSockets: 1, freeSockets: { [name]: [] } },
      socket,
      getHeader: () => name,
    };
    publish('http.client.request.created', { request });
    dialled(socket, '127.0.0.1', 80, 4);
    publish('http.client.request.start', { request });
    const response = { headers: { connection: name, 'keep-alive': name }, complete: true, httpVersion: name };
    publish('http.client.response.finish', { request, response });
    publish('http.client.request.error', { request, error: failing(name, name) });
    request.destroyed = true;
    if (pool > 0) closed(socket);
  }

  // undici: the origin and the connection parameters
  const socket = new ReplaySocket();
  const connectParams = { hostname: name, port: name, protocol: name, version: name, servername: name };
  const connector = () => {};
  publish('undici:client:beforeConnect', { connectParams, connector });
  socket.connecting = true;
  socket.on('error', () => {});
  publish('net.client.socket', { socket });
  dialled(socket, '127.0.0.1', 80, 4);
  publish('undici:client:connected', { connectParams, connector, socket });
  const request = {
    origin: `http://${name}`,
    method: name,
    path: name,
    completed: true,
    aborted: false,
    upgrade: null,
  };
  publish('undici:client:sendHeaders', { request, headers: name, socket });
  publish('undici:request:headers', {
    request,
    response: { statusCode: 200, headers: [Buffer.from('keep-alive'), Buffer.from(name)], statusText: name },
  });
  socket.emit('error', failing(name, name));
  closed(socket);
  publish('undici:client:sendHeaders', { request, headers: name, socket: new ReplaySocket() }); // an unknown socket
}
