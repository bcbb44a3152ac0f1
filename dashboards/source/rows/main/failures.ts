import { OUTCOME_COLOURS, PHASE_COLOURS, withOpacity } from '../../grafana/colours.ts';
import { graph } from '../../grafana/graph.ts';
import type { Row } from '../../grafana/row.ts';
import { SERVER_OF_SERIES } from '../../links.ts';
import { INSTANCE, type PromQL, SERVER, SERVER_LEGEND } from '../../promql.ts';

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
    graph({
      title: 'Errors inside connmeter',
      size: [12, 9],
      description: {
        what: 'Errors per second inside connmeter itself, by the part in which they happen. The program is not affected.',
        good: 'zero.',
        bad: 'anything else: some connections or requests may be missing from the other panels.',
        action: 'the log of OpenTelemetry (`diag`) has the first error of each kind, with its stack. Please report it.',
        docs: 'metrics.md#connmeterfaults',
      },
      unit: 'cps',
      noValue: 'connmeter has not reported any value in this time range',
      calcs: ['mean'],
      queries: [
        {
          expr: `${promql.rate('connmeter.faults', 'connmeter_fault_place')} > 0`,
          legend: '{{connmeter_fault_place}}',
        },
      ],
    }),
    graph({
      title: 'Processes and threads',
      size: [12, 9],
      description: {
        what: 'Processes whose numbers were in the last scrape, and their threads, per instance.',
        good: 'as many as the service has.',
        bad: 'fewer: some are another service to connmeter, hang, or run without it. A drop: processes ended.',
        action: 'compare with the number of workers. The page says which processes belong together.',
        docs: 'processes.md#who-belongs-together',
      },
      unit: 'none',
      noValue: 'connmeter has not reported any value in this time range',
      calcs: ['lastNotNull'],
      queries: [
        { expr: promql.gauge('connmeter.processes', INSTANCE), legend: '{{instance}} processes' },
        { expr: promql.gauge('connmeter.threads', INSTANCE), legend: '{{instance}} threads' },
      ],
    }),
    graph({
      title: 'Requests that failed, by server',
      size: [8, 9],
      description: {
        what: 'Requests per second that were sent and failed, by server and by what happened to their connection. `reused`: it had served a request before.',
        good: 'zero.',
        bad: '`reused closed` and `reused reset`: the server closed an idle connection just when a request was sent on it. `timeout`: the server is slower than the client allows. `new closed`: the server or a proxy refuses requests.',
        action:
          'let the client give up idle connections before the server does. The alert has the limit of the server.',
        docs: 'metrics.md#connmeterrequestsfailed',
      },
      unit: 'reqps',
      noValue: 'No request failed in this time range',
      calcs: ['mean', 'max'],
      link: SERVER_OF_SERIES,
      queries: [
        {
          expr: `${promql.rate('connmeter.requests.failed', `${SERVER}, error_type`, { connmeter_connection_reused: 'true' })} > 0`,
          legend: `${SERVER_LEGEND} reused {{error_type}}`,
        },
        {
          expr: `${promql.rate('connmeter.requests.failed', `${SERVER}, error_type`, { connmeter_connection_reused: 'false' })} > 0`,
          legend: `${SERVER_LEGEND} new {{error_type}}`,
        },
      ],
    }),
    graph({
      title: 'Idle connections, by what ended that',
      size: [8, 9],
      description: {
        what: 'How the idle time of connections ended, per second: with the next request (from 0.1 s up), or because the client or the server closed them.',
        good: '`reused`, and `client`.',
        bad: '`server`: each of these closes may hit a request that is just being sent.',
        action: 'give the client a shorter limit than the server has, see the next panel.',
        docs: 'metrics.md#connmeterconnectionidle_time',
      },
      unit: 'cps',
      noValue: 'No connection was idle in this time range',
      stack: true,
      queries: [
        {
          expr: `${promql.rate('connmeter.connection.idle_time', 'connmeter_idle_end')} > 0`,
          legend: '{{connmeter_idle_end}}',
        },
      ],
    }),
    graph({
      title: 'Idle limits of servers',
      size: [8, 9],
      description: {
        what: 'After how many idle seconds each server closes connections, as at least 20 of its closes have shown.',
        good: 'no line, or a line above the idle limit of the client.',
        bad: 'a line below the idle limit of the client: requests are lost now and then.',
        action: 'set the limit of the client below the line, or raise that of the server.',
        docs: 'metrics.md#connmeterconnectionidle_limit',
      },
      unit: 's',
      noValue: 'No server has closed enough idle connections',
      calcs: ['lastNotNull'],
      link: SERVER_OF_SERIES,
      queries: [{ expr: promql.largest('connmeter.connection.idle_limit', SERVER), legend: SERVER_LEGEND }],
    }),
  ],
};
