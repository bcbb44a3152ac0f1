import type { Socket } from 'node:net';
import { type TunnelState, tunnelAfter } from '../core/tunnels.ts';
import { pauseStreams, streamEnded, streamStarted } from '../metrics/tracked-connection.ts';
import { type Abort, abortOf } from './attribution/close-reason.ts';
import type { ClientAdapter, Connection } from './connection.ts';
import { type ConnectionStates, hasResponse } from './connection-states.ts';
import { OpenRequests } from './open-requests.ts';

/**
 * Keeps track of which request is on which connection, from the moment it is sent until it is over. Only this file changes
 * the requests of a connection and what is kept of them.
 *
 * A request and its response belong to the program, so they are released as soon as the request is over. Their keep-alive
 * signals are kept as plain values.
 */
export class Requests {
  readonly #states: ConnectionStates;
  readonly #inNextLoop: (run: () => void) => void;
  readonly #open = new OpenRequests();
  /** Their streams are counted in the next turn. */
  readonly #busier = new Set<Connection>();
  /** The connection whose request finished last. Of those without a request, only this one still has `sentHeaders`. */
  #finishedLast: Connection | undefined;

  /** `inNextLoop` runs its argument in the next turn of the event loop. */
  constructor(states: ConnectionStates, inNextLoop: (run: () => void) => void) {
    this.#states = states;
    this.#inNextLoop = inNextLoop;
  }

  /** The connection is opened for this request, which is sent later. */
  waitsFor<Request extends object>(connection: Connection, request: Request, client: ClientAdapter<Request>): void {
    connection.openedFor = request;
    connection.client = client;
  }

  /** The connection is not for that request after all. */
  waitsForNone(connection: Connection): void {
    connection.openedFor = undefined;
  }

  /** A request is sent on the connection. Returns false if it is known already, or if HTTP/2 counts it as a stream. */
  sent<Request extends object>(
    connection: Connection,
    socket: Socket,
    request: Request,
    client: ClientAdapter<Request>,
    sentHeaders: string | undefined,
  ): boolean {
    if (connection.request === request || connection.version === '2') return false;

    if (connection.request !== undefined && client.pipelines)
      this.#pipelined(connection, connection.request as Request);
    connection.request = request;
    connection.openedFor = undefined;
    connection.client = client;
    connection.sentHeaders = sentHeaders;
    connection.response = undefined;
    connection.signals = undefined;
    connection.abort = undefined;
    connection.bytesReadBeforeRequest = socket.bytesRead;
    connection.returnedToPool = false;
    connection.poolWasFull = false;
    if (client.isConnect(request)) setTunnel(connection, 'requested', undefined);
    else if (connection.tunnel !== 'none') setTunnel(connection, 'none', undefined);
    if (client.pipelines) this.#track(connection, request, client);
    else connection.takenOver = false;
    return true;
  }

  /** The response to the connection's current request has started. */
  responseStarted(connection: Connection, response: object): void {
    connection.response = response;
  }

  /** The response headers of a request, from a client that does not name the connection. Returns the connection. */
  responseHeaders(request: object, response: object): Connection | undefined {
    const connection = this.#open.connectionOf(request);
    if (connection?.request === request) connection.response = response;
    else if (connection?.takenOver) this.#updateTakeover(connection, request, response, false);
    return connection;
  }

  /** A request is over: it was answered, or failed. Returns its connection, which the client does not name. */
  finished(request: object, failed: boolean, abort: Abort | undefined): Connection | undefined {
    const connection = this.#open.remove(request);
    if (connection === undefined) return undefined;

    if (connection.request === request) this.#release(connection, request, failed, abort);
    else if (connection.earlierRequests?.includes(request))
      connection.earlierRequests = without(connection.earlierRequests, request);
    else if (connection.takenOver) {
      this.#updateTakeover(connection, request, connection.response, failed);
      connection.takenOver = connection.tunnel === 'open' || connection.client?.isFinished(request) !== true;
    }
    return connection;
  }

  /** A request failed with the error of its socket, which may be what the program gave it up with. */
  failed(connection: Connection, request: object, error: unknown): void {
    const { client, response } = connection;
    if (connection.request !== request || client?.isFromProgram(request, response, error) !== true) return;

    connection.abort = abortOf(error) ?? 'cancelled';
  }

  /** The agent took the socket back, so the connection is idle. `socket` is the TLS socket if the connection is a tunnel. */
  returnedToPool(connection: Connection, socket: Socket): void {
    const { client, request, pool, port, response } = connection;
    connection.openedFor = undefined; // a request that was destroyed before it was sent
    // A program may destroy the socket while the last bytes of the response are read. It is given back all the same.
    if (!socket.destroyed) {
      connection.returnedToPool = true;
      // We are called before the agent, which closes the socket if it has as many idle ones as it may.
      if (connection.socket === socket && client !== undefined && request !== undefined && pool !== undefined) {
        const most = client.maxIdle(request);
        if (pool.live.size > most) connection.poolWasFull = client.idleCount(request, port) >= most;
      }
    }
    if (client !== undefined && request !== undefined) {
      connection.maxAge = client.maxAge(request);
      release(connection, client.signalsOfFinished(request, response));
    }
  }

  /** The agent no longer owns the socket: it was upgraded, became a tunnel, or the program removed it. */
  removedFromPool(connection: Connection): void {
    const { client, request, response } = connection;
    if (client === undefined || request === undefined) return;
    if (!client.mayTakeOver(request) || !hasResponse(connection)) return;

    this.#readAnswer(connection, request, response);
    release(connection, { ...client.signalsOf(request, response), upgraded: true });
    connection.takenOver = true;
  }

  /** A proxy was asked for a tunnel. `status`: its answer; undefined if there was none. */
  tunnelAnswered(connection: Connection, status: number | undefined): void {
    setTunnel(connection, status === undefined ? 'requested' : tunnelAfter(status), status);
  }

  /** The connection is a tunnel, in which no request was sent yet. */
  enteredTunnel(connection: Connection): void {
    connection.takenOver = false;
    connection.signals = undefined;
    setTunnel(connection, 'none', undefined);
  }

  /** The connection is closed, and every request on it is over. */
  connectionClosed(connection: Connection): void {
    this.#open.removeAllOf(connection);
    if (this.#finishedLast === connection) this.#finishedLast = undefined;
  }

  /** An HTTP/2 stream carries a request. Streams are counted, not kept. */
  streamStarted(connection: Connection, id: number): void {
    streamStarted(connection, id);
    if (connection.mostStreams === 0) connection.mostStreams = 1;
    else if (connection.requestsInProgress > connection.mostStreams) this.#countStreamsLater(connection);
  }

  streamEnded(connection: Connection | undefined, id: number): void {
    streamEnded(connection, id);
  }

  /** Not at once: a program sends the next request when it has read a response, and the stream of that one closes a little later. */
  #countStreamsLater(connection: Connection): void {
    if (this.#busier.size === 0) this.#inNextLoop(() => this.#countStreams());
    this.#busier.add(connection);
  }

  #countStreams(): void {
    for (const connection of this.#busier) {
      connection.mostStreams = Math.max(connection.mostStreams, connection.requestsInProgress);
    }
    this.#busier.clear();
  }

  /** connmeter stops listening. Requests that are active now count as over, because their end is not seen. */
  pause(connections: Iterable<Connection>): void {
    for (const connection of connections) {
      pauseStreams(connection);
      connection.earlierRequests = undefined;
      const { client, request } = connection;
      if (!client?.pipelines || request === undefined) continue;

      const signals = this.#states.signalsOf(connection);
      if (signals === undefined) connection.request = undefined;
      else release(connection, { ...signals, complete: true });
    }
    this.#open.clear();
  }

  /**
   * Only the request's own events tell when it is over. A CONNECT request or an upgrade may never end, so it is not kept:
   * its signals are known already.
   */
  #track<Request extends object>(connection: Connection, request: Request, client: ClientAdapter<Request>): void {
    if (!client.mayTakeOver(request)) {
      this.#open.add(request, connection);
      return;
    }
    this.#open.addTakeover(request, connection);
    connection.takenOver = true;
    const { sentHeaders = '' } = connection;
    connection.sentHeaders = undefined;
    release(connection, client.withRequestHeaders(client.signalsOf(request, undefined), sentHeaders));
  }

  /** Another request follows. The one before is still on the connection, or ended without an event. */
  #pipelined<Request extends object>(connection: Connection, before: Request): void {
    if (connection.client?.isFinished(before)) this.#open.remove(before);
    else {
      connection.earlierRequests ??= [];
      connection.earlierRequests.push(before);
    }
  }

  /** Releases a finished request. `sentHeaders` is kept, because it is only parsed if the connection closes now. */
  #release(connection: Connection, request: object, failed: boolean, abort: Abort | undefined): void {
    const { client, response, listenedSocket } = connection;
    if (client === undefined) return;

    const signals = client.signalsOfFinished(request, response);
    const isSending = listenedSocket !== undefined && client.isSending(request, listenedSocket);
    release(connection, failed || isSending ? { ...signals, aborted: failed, sent: !isSending } : signals);
    connection.abort = abort;
    const before = this.#finishedLast;
    if (before === connection) return;

    // If the headers had contained `connection: close`, undici would have destroyed the socket by now.
    if (before?.request === undefined && before?.socket?.destroyed === false) before.sentHeaders = undefined;
    this.#finishedLast = connection;
  }

  /** There is news of a request that may have taken its connection over. Such a request is not kept, but its signals are. */
  #updateTakeover(connection: Connection, request: object, response: object | undefined, aborted: boolean): void {
    const { client, signals } = connection;
    if (client === undefined || signals === undefined || connection.request !== undefined) return;

    this.#readAnswer(connection, request, response);

    const latest = client.signalsOf(request, response);
    const clientCloses = latest.clientCloses || signals.clientCloses;
    release(connection, { ...latest, clientCloses, aborted: latest.aborted || aborted });
    connection.response = response;
  }

  #readAnswer(connection: Connection, request: object, response: object | undefined): void {
    if (connection.tunnel !== 'requested') return;

    const status = connection.client?.connectStatus(request, response);
    if (status !== undefined) this.tunnelAnswered(connection, status);
  }
}

/** Releases the current request. Its signals are kept. */
function release(connection: Connection, signals: NonNullable<Connection['signals']>): void {
  connection.signals = signals;
  connection.request = undefined;
  connection.response = undefined;
}

function setTunnel(connection: Connection, state: TunnelState, status: number | undefined): void {
  connection.tunnel = state;
  connection.tunnelStatus = status;
}

/** Responses come in the order of their requests, so almost always the first request is over. */
function without(requests: object[], request: object): object[] | undefined {
  if (requests.length === 1) return undefined;
  if (requests[0] !== request) return requests.filter(each => each !== request);

  requests.shift();
  return requests;
}
