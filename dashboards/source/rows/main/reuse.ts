import { BAD, GOOD, NEUTRAL } from '../../grafana/colours.ts';
import { REUSE_STEPS } from '../../grafana/columns.ts';
import { type Stat, stat, steps } from '../../grafana/panels.ts';
import { share } from '../../promql.ts';
import { THRESHOLDS } from '../../thresholds.ts';
import type { Row } from '../row.ts';

const size: Stat['size'] = [4, 5];
const { good, bad } = THRESHOLDS.reuse;

export const reuse: Row = {
  id: 100,
  title: 'Is reuse healthy?',
  panels: ask => [
    stat({
      title: 'Reuse',
      of: 'of HTTP requests',
      size,
      explained: {
        what: 'Share of HTTP requests that went out on a connection that had served one before. The others waited for DNS, TCP and TLS first.',
        good: `above ${percent(good)}, and level.`,
        bad: `below ${percent(bad)}, or a step down after a release.`,
        act: 'find the server in the table below; its top cause says what to change.',
        docs: 'causes.md',
      },
      unit: 'percentunit',
      decimals: 1,
      max: 1,
      empty: 'no requests',
      thresholds: REUSE_STEPS,
      expr: share(
        ask.rate('connmeter.requests', '', { connmeter_connection_reused: 'true' }),
        ask.rate('connmeter.requests'),
      ),
    }),
    stat({
      title: 'New connections',
      of: 'per second',
      size,
      explained: {
        what: 'Connections opened per second, by every TCP client of the process.',
        good: 'close to zero in a steady state, with a bump after a release.',
        bad: 'near the request rate, or growing with it: every request pays for a connection.',
        act: 'look at the causes below.',
        docs: 'causes.md',
      },
      unit: 'short',
      decimals: 1,
      empty: 'none opened',
      colour: NEUTRAL,
      expr: ask.rate('connmeter.connection.opened'),
    }),
    stat({
      title: 'DNS lookups',
      of: 'per second',
      size,
      explained: {
        what: 'Names looked up per second (QPS). A lookup knows no server, so the variable Server does not choose among them.',
        good: 'far fewer than requests.',
        bad: 'one for each request: a DNS server sees that of all instances at once, and may begin to refuse or drop.',
        act: 'keep connections first: each new one looks its name up. Then look at the row DNS.',
        docs: 'metrics.md#dnslookupduration',
      },
      unit: 'short',
      decimals: 1,
      empty: 'no lookups',
      colour: NEUTRAL,
      expr: ask.rate('dns.lookup.duration'),
    }),
    stat({
      title: 'TLS handshakes',
      of: 'per second',
      size,
      explained: {
        what: 'TLS handshakes per second that were done; those that failed are in the row Failures. Each costs a round trip or two, and CPU on both sides.',
        good: 'close to zero in a steady state.',
        bad: 'near the request rate.',
        act: 'keep connections; where that cannot be, see that sessions are resumed (row "What does it cost?").',
        docs: 'metrics.md#connmetertlshandshakeduration',
      },
      unit: 'short',
      decimals: 1,
      empty: 'no TLS',
      colour: NEUTRAL,
      expr: ask.rate('connmeter.tls.handshake.duration'),
    }),
    stat({
      title: 'Open connections',
      of: 'HTTP, now',
      size,
      explained: {
        what: 'HTTP connections open now, with a request on them or idle.',
        good: 'follows the traffic and levels off.',
        bad: 'grows without end: bodies that nobody reads, or a client per request that nobody closes.',
        act: 'look at the row Pool: held bodies, and idle against active.',
        docs: 'metrics.md#httpclientopen_connections',
      },
      unit: 'short',
      decimals: 0,
      empty: 'none open',
      colour: NEUTRAL,
      expr: ask.now('http.client.open_connections'),
    }),
    stat({
      title: 'Failures',
      of: 'per second',
      size,
      explained: {
        what: 'Connections attempted per second that never opened: the name was not found, the port refused, TLS failed.',
        good: 'zero.',
        bad: 'anything else.',
        act: 'look at the row Failures: the phase says whom to ask.',
        docs: 'metrics.md#connmeterconnectionfailed',
      },
      unit: 'short',
      decimals: 1,
      empty: 'none failed',
      thresholds: steps([null, GOOD], [0.001, BAD]),
      expr: ask.rate('connmeter.connection.failed'),
    }),
  ],
};

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
