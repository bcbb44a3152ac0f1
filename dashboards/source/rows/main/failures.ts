import { OUTCOME_COLOURS, PHASE_COLOURS, withOpacity } from '../../grafana/colours.ts';
import { graph } from '../../grafana/graph.ts';
import type { Row } from '../../grafana/row.ts';
import { SERVER_OF_SERIES } from '../../links.ts';
import { type PromQL, SERVER, SERVER_LEGEND } from '../../promql.ts';

export const failures: Row<PromQL> = {
  id: 600,
  title: 'Failures',
  panels: promql => [
    graph({
      title: 'Connections being opened',
      size: [6, 9],
      description: {
        what: 'Connections that wait for DNS, TCP or TLS at a scrape, by server and phase. An outage shows here first: nothing fails until somebody gives up.',
        good: 'nothing, or a few for a moment.',
        bad: 'a line that stays or grows. `dns`: the DNS server does not answer. `connect`: packets are dropped, or the server accepts too slowly. `tls`: the server accepts, but does not answer the handshake.',
        action:
          'check the DNS server, the network or the server. Set a timeout in the client, because a TLS handshake without one waits for ever.',
        docs: 'metrics.md#connmeterconnectionpending',
      },
      unit: 'none',
      noValue: 'No connection was being opened at a scrape in this time range',
      calcs: ['max', 'lastNotNull'],
      link: SERVER_OF_SERIES,
      queries: [
        {
          expr: `${promql.gauge('connmeter.connection.pending', `${SERVER}, connmeter_phase`)} > 0`,
          legend: `${SERVER_LEGEND} {{connmeter_phase}}`,
        },
      ],
    }),
    graph({
      title: 'Failed connections, by phase',
      size: [6, 9],
      description: {
        what: 'Connection attempts per second that fail, by the phase in which they fail.',
        good: 'zero.',
        bad: '`dns`: the name does not exist, or the DNS server does not answer. `connect`: the port refuses, or the server does not answer. `tls`: a certificate is not trusted, the two sides have no protocol in common, or the server does not answer.',
        action: 'the phase says where to look: DNS, the network and the server, or its certificate.',
        docs: 'metrics.md#connmeterconnectionfailed',
      },
      unit: 'cps',
      noValue: 'No connection failed in this time range',
      stack: true,
      colours: PHASE_COLOURS,
      queries: [{ expr: promql.rate('connmeter.connection.failed', 'connmeter_phase'), legend: '{{connmeter_phase}}' }],
    }),
    graph({
      title: 'Failed connections, by server and error',
      size: [6, 9],
      description: {
        what: 'Connection attempts per second that fail, by server, phase and error code.',
        good: 'zero.',
        bad: '`ECONNREFUSED`: nothing listens on the port. `ETIMEDOUT`, `timeout`: packets are dropped, or the server does not answer. `aborted`: the client gave up, without a sign of a timeout. `EADDRNOTAVAIL`: this host has no free local port, because it opens too many connections. `CERT_…`: the certificate.',
        action: 'for `EADDRNOTAVAIL`, reuse connections. For the others, check the server and the network.',
        docs: 'metrics.md#connmeterconnectionfailed',
      },
      unit: 'cps',
      noValue: 'No connection failed in this time range',
      calcs: ['mean'],
      link: SERVER_OF_SERIES,
      queries: [
        {
          expr: `${promql.rate('connmeter.connection.failed', `${SERVER}, connmeter_phase, error_type`)} > 0`,
          legend: '{{server_address}}:{{server_port}} {{connmeter_phase}} {{error_type}}',
        },
      ],
    }),
    graph({
      title: 'Happy Eyeballs attempts',
      size: [6, 9],
      description: {
        what: 'Attempts per second to connect to an address, by address family. If a name has several addresses, Node may try several of them for one connection.',
        good: 'all `ok`.',
        bad: 'one address family never succeeds: connections still open, but later than they could.',
        action:
          'repair the route or the DNS records of that family, or set `autoSelectFamily` or `family` in the client.',
        docs: 'metrics.md#connmeterconnectattempts',
      },
      unit: 'cps',
      noValue: 'No connects in this time range',
      stack: true,
      colours: Object.fromEntries(
        Object.entries(OUTCOME_COLOURS).flatMap(([outcome, colour]) => [
          [`ipv4 ${outcome}`, withOpacity(colour, 0.6)],
          [`ipv6 ${outcome}`, colour],
        ]),
      ),
      queries: [
        {
          expr: promql.rate('connmeter.connect.attempts', 'network_type, connmeter_outcome'),
          legend: '{{network_type}} {{connmeter_outcome}}',
        },
      ],
    }),
  ],
};
