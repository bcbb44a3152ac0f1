import { BAD, GOOD } from '../../grafana/colours.ts';
import { steps } from '../../grafana/panel.ts';
import type { Row } from '../../grafana/row.ts';
import { stat } from '../../grafana/stat.ts';
import { type PromQL, REUSED, share } from '../../promql.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';
import { numberStat, STAT_SIZE } from '../number-stat.ts';
import { reuseStat } from '../reuse-panels.ts';

const { good, bad } = THRESHOLDS.reuse;

export const overview: Row<PromQL> = {
  id: 100,
  title: 'Are connections reused?',
  panels: promql => [
    reuseStat({
      description: {
        what: 'Share of HTTP requests that reuse a connection. Each of the others waits for DNS, TCP and TLS first.',
        good: `above ${percent(good)}, and steady.`,
        bad: `below ${percent(bad)}, or a drop after a release.`,
        action: 'find the server in the table below. Its top cause says what to change.',
        docs: 'causes.md',
      },
      expr: share(promql.rate('connmeter.requests', '', REUSED), promql.rate('connmeter.requests')),
    }),
    numberStat({
      title: 'New connections',
      label: 'per second',
      description: {
        what: 'Connections opened per second, by all TCP clients of the process.',
        good: 'close to zero in a steady state. A short rise after a release is normal.',
        bad: 'close to the request rate, or growing with it: every request opens a connection.',
        action: 'look at the causes below.',
        docs: 'causes.md',
      },
      noValue: 'none opened',
      expr: promql.rate('connmeter.connection.opened'),
    }),
    numberStat({
      title: 'DNS lookups',
      label: 'per second',
      description: {
        what: 'DNS lookups per second. The variable Server does not filter them, because a lookup has a name but no server.',
        good: 'far below the request rate.',
        bad: 'one lookup per request. The DNS server gets the lookups of all instances, and may refuse or drop some.',
        action: 'reuse connections first, because each new one needs a lookup. Then look at the row DNS.',
        docs: 'metrics.md#dnslookupduration',
      },
      noValue: 'no lookups',
      expr: promql.rate('dns.lookup.duration'),
    }),
    numberStat({
      title: 'TLS handshakes',
      label: 'per second',
      description: {
        what: 'Successful TLS handshakes per second. Each takes one or two round trips, and CPU time on both sides. The row Failures has the failed ones.',
        good: 'close to zero in a steady state.',
        bad: 'close to the request rate.',
        action: 'reuse connections. Where you cannot, check that sessions are resumed (panel "TLS sessions resumed").',
        docs: 'metrics.md#connmetertlshandshakeduration',
      },
      noValue: 'no TLS',
      expr: promql.rate('connmeter.tls.handshake.duration'),
    }),
    numberStat({
      title: 'Open connections',
      label: 'HTTP, now',
      description: {
        what: 'HTTP connections that are open now, active or idle.',
        good: 'follows the traffic and levels off.',
        bad: 'grows without end: unread response bodies, or a client per request that is never closed.',
        action: 'look at the row Connection pool.',
        docs: 'metrics.md#httpclientopen_connections',
      },
      decimals: 0,
      noValue: 'none open',
      expr: promql.gauge('http.client.open_connections'),
    }),
    stat({
      title: 'Failures',
      label: 'per second',
      size: STAT_SIZE,
      description: {
        what: 'Connection attempts per second that fail: the name is not found, the port refuses, or TLS fails.',
        good: 'zero.',
        bad: 'anything else.',
        action: 'look at the row Failures. The phase says where to search.',
        docs: 'metrics.md#connmeterconnectionfailed',
      },
      unit: 'short',
      decimals: 1,
      noValue: 'none failed',
      thresholds: steps([null, GOOD], [0.001, BAD]),
      expr: promql.rate('connmeter.connection.failed'),
    }),
  ],
};
