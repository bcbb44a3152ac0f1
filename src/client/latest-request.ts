import type { Origin } from '../core/origins.ts';
import type { ClientAdapter } from './connection.ts';

/** The request that undici made last in this turn, and may open a connection for before it returns. */
export class LatestRequest {
  readonly #endTurn: () => void;
  #latest: { readonly request: object; readonly originOf: () => Origin } | undefined;

  /** `asMicrotask` returns a function that queues its argument as a microtask. */
  constructor(asMicrotask: (run: () => void) => () => void) {
    this.#endTurn = asMicrotask(() => this.forget());
  }

  made<Request extends object>(request: Request, client: ClientAdapter<Request>): void {
    this.#latest = { request, originOf: () => client.originOf(request, undefined) };
    this.#endTurn();
  }

  /** undici opens a connection to this origin. Returns the request that it is for, if that was kept. */
  opening({ address, port }: Origin): object | undefined {
    const latest = this.#latest;
    if (latest === undefined) return undefined;

    this.#latest = undefined;
    const origin = latest.originOf();
    return origin.address === address && origin.port === port ? latest.request : undefined;
  }

  forget(): void {
    this.#latest = undefined;
  }
}
