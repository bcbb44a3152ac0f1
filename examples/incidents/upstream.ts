import http from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { listen } from './listen.ts';

export interface Behaviour {
  /** How long the server keeps idle connections, in milliseconds. */
  keepAliveTimeout: number;
  /** Whether it tells its clients so, in a `Keep-Alive` header. */
  announced: boolean;
  /** How long data and closes are on their way, in each direction, in milliseconds. It applies to new connections. */
  networkDelay: number;
}

const USUAL: Behaviour = { keepAliveTimeout: 10_000, announced: true, networkDelay: 0 };
const LARGE = Buffer.alloc(200_000, '.');

/** A server that the checkout service calls. */
export class Upstream {
  readonly #behaviour: Behaviour = { ...USUAL };
  readonly #http = http.createServer((request, response) => this.#answer(request.url, response));
  /** Accepts the connections, and passes them on: directly, or with a network delay. */
  readonly #front = net.createServer({ noDelay: true }, socket => this.#accept(socket));
  /** How many connections it has accepted. */
  accepted = 0;

  constructor() {
    // Ends connections of clients that do not read. This also limits the memory that unread bodies take.
    this.#http.setTimeout(15_000);
    this.#http.keepAliveTimeoutBuffer = 0; // close at the timeout, not a second later
    this.behave();
  }

  /** Returns its URL. */
  async start(host: string, port: number): Promise<string> {
    await listen(this.#http, '127.0.0.1', 0);
    return await listen(this.#front, host, port);
  }

  /** Behaves like this from now on. What is not given is as usual. */
  behave(behaviour: Partial<Behaviour> = {}): void {
    Object.assign(this.#behaviour, USUAL, behaviour);
    this.#http.keepAliveTimeout = this.#behaviour.keepAliveTimeout;
  }

  #accept(socket: Socket): void {
    this.accepted++;
    if (this.#behaviour.networkDelay === 0) {
      this.#http.emit('connection', socket);
      return;
    }
    const { port } = this.#http.address() as AddressInfo;
    const inner = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.#relay(socket, inner);
    this.#relay(inner, socket);
  }

  /** Passes on data and the close, each after the network delay. */
  #relay(from: Socket, to: Socket): void {
    let last: Promise<unknown> = Promise.resolve();
    const later = (pass: () => void) => {
      const due = sleep(this.#behaviour.networkDelay);
      last = last.then(() => due).then(pass);
    };
    from.on('data', data => later(() => to.write(data)));
    from.on('error', () => {}).on('close', () => later(() => to.destroySoon()));
  }

  async #answer(path: string | undefined, response: http.ServerResponse): Promise<void> {
    // With a `Connection` header, Node adds no `Keep-Alive` header.
    if (!this.#behaviour.announced) response.setHeader('connection', 'keep-alive');
    if (path === '/slow') await sleep(100);
    response.end(path === '/large' ? LARGE : 'ok');
  }
}
