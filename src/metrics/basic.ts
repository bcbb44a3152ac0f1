import type { Attributes } from '@opentelemetry/api';
import { OTHER } from '../core/errors.ts';

// What `detail: 'basic'` keeps of the labels of a metric. `table.ts` says which metric uses which of these functions. A value that is
// not kept becomes `_OTHER`, and a label that is not kept is left out, so that the sums stay the same as in full detail.
//
// At most 25 series per origin. With HTTP: 10 opened, 7 failed, 2 open, 2 requests, and 1 each of closed, pending, held and wasted.
// Without HTTP: 8 opened, 7 failed, 5 closed, 1 open, 1 pending. A listener has at most 20.

/** What `detail: 'basic'` shows of a metric: nothing, or series with these labels. Series whose labels become equal are added up. */
export type Basic = 'left out' | ((labels: Attributes) => Attributes);

const CAUSE = 'connmeter.open.cause';
const REASON = 'connmeter.close.reason';
const PHASE = 'connmeter.phase';
const ERROR = 'error.type';

/** The other two causes have no fix: `release_race` is as good as `pool_busy`, and `unknown` is unknown. */
const CAUSES: ReadonlySet<unknown> = new Set(['first', 'new_pool', 'replaced', 'body_held', 'pool_busy']);

/** The usual reasons for which HTTP connections are replaced, each with a fix of its own; and all that exist without HTTP. */
const REASONS: Readonly<Record<'http' | 'other', ReadonlySet<unknown>>> = {
  http: new Set(['client_idle_timeout', 'server_idle_close', 'server_close_header', 'keep_alive_off']),
  other: new Set(['client_idle_timeout', 'peer_closed', 'client_closed', 'error']),
};

/** Errors of connects that have an alert of their own. */
const CONNECT_ERRORS: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'EADDRNOTAVAIL']);
/** Connects without an answer. An alert counts the same errors. */
const NO_ANSWER = /^(?:.*TIMED?OUT.*|timeout|aborted|ECONNABORTED|EHOSTUNREACH|ENETUNREACH)$/;

/** Leaves labels out. */
export function without(...names: readonly string[]): (labels: Attributes) => Attributes {
  return labels => Object.fromEntries(Object.entries(labels).filter(([name]) => !names.includes(name)));
}

export function mainCauses(labels: Attributes): Attributes {
  const short = without('connmeter.caller')(labels);
  if (!CAUSES.has(short[CAUSE])) short[CAUSE] = OTHER;
  return REASON in short ? mainReasons(short) : short;
}

/** The reasons of HTTP connections are those in `connmeter.connection.opened`; without HTTP, they show who closes. */
export function reasonsWithoutHttp(labels: Attributes): Attributes {
  return isHttp(labels) ? without(REASON)(labels) : mainReasons(labels);
}

/** The phase says what is broken. Only in the phase `connect` do errors need different fixes. */
export function mainErrors(labels: Attributes): Attributes {
  if (labels[PHASE] !== 'connect') return without(ERROR)(labels);

  const error = labels[ERROR];
  if (CONNECT_ERRORS.has(error)) return labels;
  return { ...labels, [ERROR]: NO_ANSWER.test(String(error)) ? 'timeout' : OTHER };
}

function mainReasons(labels: Attributes): Attributes {
  const reasons = REASONS[isHttp(labels) ? 'http' : 'other'];
  return reasons.has(labels[REASON]) ? labels : { ...labels, [REASON]: OTHER };
}

function isHttp(labels: Attributes): boolean {
  return labels['network.protocol.name'] === 'http';
}
