import { hosts, UPSTREAMS, type UpstreamName } from './hosts.ts';
import { type Behaviour, Upstream } from './upstream.ts';

const FIRST_PORT = 18_101;

/** The servers that the checkout service calls. */
export class Upstreams {
  readonly #servers = Object.fromEntries(UPSTREAMS.map(name => [name, new Upstream()])) as Record<
    UpstreamName,
    Upstream
  >;

  /** Returns their URLs. */
  async start(): Promise<Record<UpstreamName, string>> {
    const hostOf = await hosts();
    const urls: Partial<Record<UpstreamName, string>> = {};
    for (const [index, name] of UPSTREAMS.entries()) {
      urls[name] = await this.#servers[name].start(hostOf(name), FIRST_PORT + index);
    }
    return urls as Record<UpstreamName, string>;
  }

  /** Sets the behaviour of one of them. The others, or all, behave as usual. */
  behave(upstream?: UpstreamName, behaviour?: Partial<Behaviour>): void {
    for (const name of UPSTREAMS) this.#servers[name].behave(name === upstream ? behaviour : {});
  }

  /** How many connections one of them has accepted so far. */
  accepted(upstream: UpstreamName): number {
    return this.#servers[upstream].accepted;
  }
}
