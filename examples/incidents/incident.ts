import type { UpstreamName } from './hosts.ts';
import type { Behaviour } from './upstream.ts';

/** Something that goes wrong with the connections to one upstream, and its fix. Each incident is a file in this folder. */
export interface Incident {
  readonly name: string;
  readonly upstream: UpstreamName;
  /** The path of the requests: `/` (2 bytes), `/large` (200 kB) or `/slow` (answers after 0.1 s). */
  readonly path: string;
  /** So many calls start together. When all have ended, there is a pause; the pauses are in milliseconds, and repeat. */
  readonly load: { readonly together: number; readonly pauses: readonly number[] };
  readonly broken: Half;
  /** The same load without the mistake. */
  readonly fixed: Half;
}

export interface Half {
  /** What is staged, in one line. */
  readonly says: string;
  readonly call: (url: string) => Promise<void>;
  /** How the upstream behaves, if not as usual. */
  readonly upstream?: Partial<Behaviour>;
  /** How long the checkout service keeps idle connections of its own clients, in milliseconds, if not as usual. */
  readonly keepAliveTimeout?: number;
}
