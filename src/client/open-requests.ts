import { RenewedMap } from '../core/renewed.ts';
import type { Connection } from './connection.ts';

/** So many requests are kept in arrays. More go to a map, which allocates. */
const MAX_LISTED = 16;

/**
 * Finds the connection that a request is on, for clients whose events name only the request. Keeps a request until it is
 * over, and no longer.
 */
export class OpenRequests {
  // The arrays have a fixed length, because an array that grows and shrinks allocates.
  readonly #requests = new Array<object | undefined>(MAX_LISTED).fill(undefined);
  readonly #connections = new Array<Connection | undefined>(MAX_LISTED).fill(undefined);
  #listed = 0;
  readonly #more = new RenewedMap<object, Connection>();
  /** CONNECT requests and upgrades. Weak, because not every client publishes their end. */
  #takeovers = new WeakMap<object, Connection>();

  get size(): number {
    return this.#listed + this.#more.size;
  }

  add(request: object, connection: Connection): void {
    if (this.#listed === MAX_LISTED) {
      this.#more.set(request, connection);
      return;
    }
    this.#requests[this.#listed] = request;
    this.#connections[this.#listed] = connection;
    this.#listed++;
  }

  addTakeover(request: object, connection: Connection): void {
    this.#takeovers.set(request, connection);
  }

  connectionOf(request: object): Connection | undefined {
    const at = this.#indexOf(request);
    return at < 0 ? (this.#more.get(request) ?? this.#takeovers.get(request)) : this.#connections[at];
  }

  /** The request is over. Returns the connection it was on. */
  remove(request: object): Connection | undefined {
    const at = this.#indexOf(request);
    if (at >= 0) return this.#unlist(at);

    const connection = this.#more.get(request);
    if (connection !== undefined) this.#more.delete(request);
    return connection ?? this.#takeovers.get(request);
  }

  /** The connection is closed, and all requests on it are over. */
  removeAllOf(connection: Connection): void {
    for (let at = this.#listed - 1; at >= 0; at--) if (this.#connections[at] === connection) this.#unlist(at);
    const { request, earlierRequests } = connection;
    if (request !== undefined) this.#more.delete(request);
    if (earlierRequests !== undefined) for (const each of earlierRequests) this.#more.delete(each);
  }

  clear(): void {
    this.#requests.fill(undefined);
    this.#connections.fill(undefined);
    this.#listed = 0;
    this.#more.clear();
    this.#takeovers = new WeakMap();
  }

  /** The newest entry wins, because undici sends a request again if its connection was lost. */
  #indexOf(request: object): number {
    let at = this.#listed - 1;
    while (at >= 0 && this.#requests[at] !== request) at--;
    return at;
  }

  #unlist(at: number): Connection | undefined {
    const connection = this.#connections[at];
    const last = --this.#listed;
    this.#requests[at] = this.#requests[last];
    this.#connections[at] = this.#connections[last];
    this.#requests[last] = undefined;
    this.#connections[last] = undefined;
    return connection;
  }
}
