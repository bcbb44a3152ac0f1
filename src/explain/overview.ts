import type { CallSite } from '../client/attribution/call-sites.ts';
import type { ClosedConnection, LiveConnection } from '../client/snapshot.ts';
import type { OpenCause } from '../core/causes.ts';
import type { Phase } from '../core/errors.ts';
import type { Origin } from '../core/origins.ts';
import type { CloseReason } from '../core/reasons.ts';
import type { Advice } from '../metrics/advice.ts';
import type { FindingKind } from './explanations.ts';

/** The version of the data below. It changes when a field changes its meaning or ends, not when one is added. */
export const OVERVIEW_VERSION = 1;

/**
 * What is known of the connections of a service, with what wastes them and the fix: the data of `GET /connmeter.json`, of the local page, and of
 * the command. Plain data of bounded size. Durations are in seconds. Numbers are totals since the start, except where noted.
 */
export interface Overview {
  readonly version: typeof OVERVIEW_VERSION;
  /** When it was made, as `Date.now()`. */
  readonly at: number;
  /** How many processes and threads are in the numbers. */
  readonly processes: number;
  readonly threads: number;
  /** At most `maxOrigins`, and two more that all later origins share. */
  readonly origins: readonly OriginOverview[];
  /** What wastes connections, ordered by the seconds that it has wasted. */
  readonly findings: readonly Finding[];
  /** Open connections, the oldest first: at most 1000. */
  readonly live: readonly LiveConnection[];
  /** The latest closed connections, the oldest first: at most 100. */
  readonly closed: readonly ClosedConnection[];
  /** Lines of the program that waste connections: at most 50. */
  readonly callSites: readonly CallSite[];
  readonly advice: readonly Advice[];
}

/** What is known of the connections to one server. */
export interface OriginOverview extends Origin {
  /** Whether HTTP clients connect to it. An origin may be listed twice: with and without HTTP. */
  readonly http: boolean;
  /** By cause, and by the reason of the loss for connections that replaced a lost one. Zeros are left out, here and below. */
  readonly opened: readonly { readonly cause: OpenCause; readonly reason?: CloseReason; readonly count: number }[];
  readonly closed: readonly { readonly reason: CloseReason; readonly count: number }[];
  readonly failed: readonly { readonly phase: Phase; readonly errorType: string; readonly count: number }[];
  /** On new (`fresh`) and on reused connections. */
  readonly requests: { readonly fresh: number; readonly reused: number };
  /** Connections now. `held`: by a response that nobody reads; they are among the active ones. Without HTTP, all are idle. */
  readonly now: { readonly active: number; readonly idle: number; readonly opening: number; readonly held: number };
  /** Requests that wait for a connection now. */
  readonly waiting: number;
  /** How long it takes to open a connection, on average: DNS, TCP and TLS. 0 if none was opened. */
  readonly setup: number;
  /** The time spent on opening connections that carried at most one request. */
  readonly wasted: number;
}

/** Something that wastes connections, and what to change. */
export interface Finding extends Origin {
  /** What it is: the cause or the reason of the connections, or `failed` and a phase. */
  readonly kind: FindingKind;
  /** How many connections it has cost, and of how many that were opened or tried. */
  readonly count: number;
  readonly of: number;
  /** How long requests have waited for those connections. 0 if that is not known. */
  readonly seconds: number;
  /** Lines of the program, such as `src/pay.ts:42`: at most 3. Empty if none is known. */
  readonly sites: readonly string[];
  /** What happens: one sentence. */
  readonly what: string;
  /** What to change: one line, code where possible. */
  readonly fix: string;
  /** The page that explains it. */
  readonly link: string;
}
