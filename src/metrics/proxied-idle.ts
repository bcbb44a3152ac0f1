import type { IdleEnd } from '../core/idle-end.ts';
import { IdleLimit, type LearnedLimit } from './idle-limit.ts';

/** If the server closes more than this part of the idle connections of its proxies, it gives up first. */
const MOST = 0.9;

/** How the idle connections of proxies and load balancers to one listener ended. */
export class ProxiedIdle {
  closedByServer = 0;
  closedByProxy = 0;
  readonly #serverLimit = new IdleLimit();
  readonly #proxyLimit = new IdleLimit();

  add(end: IdleEnd, idle: number): void {
    if (end === 'server') {
      this.closedByServer++;
      this.#serverLimit.add(idle);
    } else if (end === 'client') {
      this.closedByProxy++;
      this.#proxyLimit.add(idle);
    }
  }

  /** Whether requests that a proxy sends may be lost, because the server closes idle connections before the proxy does. */
  get givesUpFirst(): boolean {
    return this.closedByServer > MOST * (this.closedByServer + this.closedByProxy);
  }

  /** After how many idle seconds each side closes connections, as far as it did. */
  get serverLimit(): LearnedLimit | undefined {
    return this.#serverLimit.learned;
  }

  get proxyLimit(): LearnedLimit | undefined {
    return this.#proxyLimit.learned;
  }
}
