import { faded, OUTCOME_COLOURS, PHASE_COLOURS } from '../../grafana/colours.ts';
import { graph } from '../../grafana/panels.ts';
import { THIS_SERVER } from '../../links.ts';
import { SERVER } from '../../promql.ts';
import type { Row } from '../row.ts';

export const failures: Row = {
  id: 600,
  title: 'Failures',
  panels: ask => [
    graph({
      title: 'Failed, by phase',
      size: [8, 9],
      explained: {
        what: 'Connections attempted per second that never opened, by how far they came.',
        good: 'zero.',
        bad: '`dns`: the name was not found or not answered. `connect`: the port refused, or nobody answered. `tls`: the two sides did not agree, or a certificate is not trusted.',
        act: 'the phase says whom to ask: DNS, the network and the server, or whoever keeps certificates.',
        docs: 'metrics.md#connmeterconnectionfailed',
      },
      unit: 'cps',
      empty: 'No connection failed in this time range',
      stack: true,
      colours: PHASE_COLOURS,
      queries: [{ expr: ask.rate('connmeter.connection.failed', 'connmeter_phase'), legend: '{{connmeter_phase}}' }],
    }),
    graph({
      title: 'Failed, by server and error',
      size: [8, 9],
      explained: {
        what: 'Connections attempted per second that never opened, by server, phase and Node’s error code.',
        good: 'zero.',
        bad: '`ECONNREFUSED`: nobody listens. `ETIMEDOUT`: packets are dropped. `EADDRNOTAVAIL`: this host ran out of local ports, as too many connections are opened. `CERT_…`: the certificate.',
        act: 'for `EADDRNOTAVAIL`, keep connections; for the others, ask the server’s side.',
        docs: 'metrics.md#connmeterconnectionfailed',
      },
      unit: 'cps',
      empty: 'No connection failed in this time range',
      calcs: ['mean'],
      link: THIS_SERVER,
      queries: [
        {
          expr: `${ask.rate('connmeter.connection.failed', `${SERVER}, connmeter_phase, error_type`)} > 0`,
          legend: '{{server_address}}:{{server_port}} {{connmeter_phase}} {{error_type}}',
        },
      ],
    }),
    graph({
      title: 'Happy Eyeballs attempts',
      size: [8, 9],
      explained: {
        what: 'Attempts per second to reach one address, by address family. A name with several addresses may take several attempts for one connection.',
        good: 'all `ok`.',
        bad: 'one family that never succeeds: connections still open, each later than it could.',
        act: 'mend the family’s route or its DNS records, or set `autoSelectFamily` or `family` in the client.',
        docs: 'metrics.md#connmeterconnectattempts',
      },
      unit: 'cps',
      empty: 'No connects in this time range',
      stack: true,
      colours: Object.fromEntries(
        Object.entries(OUTCOME_COLOURS).flatMap(([outcome, colour]) => [
          [`ipv4 ${outcome}`, faded(colour, 0.6)],
          [`ipv6 ${outcome}`, colour],
        ]),
      ),
      queries: [
        {
          expr: ask.rate('connmeter.connect.attempts', 'network_type, connmeter_outcome'),
          legend: '{{network_type}} {{connmeter_outcome}}',
        },
      ],
    }),
  ],
};
