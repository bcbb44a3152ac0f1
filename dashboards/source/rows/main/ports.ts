import { BAD, PLAIN } from '../../grafana/colours.ts';
import { graph, steps } from '../../grafana/panels.ts';
import { INSTANCE, share } from '../../promql.ts';
import { THRESHOLDS } from '../../thresholds.ts';
import type { Row } from '../row.ts';

const { resting } = THRESHOLDS.ports;
const EMPTY = 'Not known: ports are read on Linux only';
const SIZE = [8, 9] as const;

/** What the kernel says of the network namespace that a process is in: of its pod, or of its host. */
export const ports: Row = {
  id: 800,
  title: 'Ports',
  panels: ask => [
    graph({
      title: 'Ports in TIME_WAIT, share of the range',
      size: SIZE,
      explained: {
        what: 'Sockets in TIME_WAIT against the ports that outgoing connections may have, for the host or pod of each instance. A socket stays there for a minute, on the side that closed first.',
        good: 'some percent.',
        bad: `in the red zone, above ${resting * 100} %, where the connections are the program’s own, to one server: at 100 % connecting to it fails with \`EADDRNOTAVAIL\`. A server that closes first fills its host’s table, too, and takes no port.`,
        act: 'keep connections: the causes above say who opens them. A wider `net.ipv4.ip_local_port_range` wins time.',
        docs: 'metrics.md#connmeterportstime_wait',
      },
      unit: 'percentunit',
      max: 1,
      empty: EMPTY,
      zones: true,
      thresholds: steps([null, 'transparent'], [resting, BAD]),
      calcs: ['max', 'lastNotNull'],
      queries: [
        {
          expr: share(ask.now('connmeter.ports.time_wait', INSTANCE), ask.now('connmeter.ports.ephemeral', INSTANCE)),
          legend: '{{instance}}',
        },
      ],
    }),
    graph({
      title: 'Sockets in TIME_WAIT',
      size: SIZE,
      explained: {
        what: 'TCP sockets in TIME_WAIT, of the host or pod of each instance, and the least number of ports that one of them has for outgoing connections.',
        good: 'hundreds, far below the range.',
        bad: 'it comes near the range: see the share beside this.',
        act: 'divide by 60 for the connections per second that this side closes, and look for them among those opened.',
        docs: 'metrics.md#connmeterportsephemeral',
      },
      unit: 'short',
      empty: EMPTY,
      calcs: ['max', 'lastNotNull'],
      colours: { 'ports of the range': PLAIN },
      queries: [
        { expr: ask.now('connmeter.ports.time_wait', INSTANCE), legend: '{{instance}}' },
        { expr: ask.least('connmeter.ports.ephemeral'), legend: 'ports of the range' },
      ],
    }),
    graph({
      title: 'TCP sockets in use',
      size: SIZE,
      explained: {
        what: 'TCP sockets connecting, open, closing or listening, of clients and servers of all programs on the host or in the pod of each instance.',
        good: 'follows the connections open.',
        bad: 'grows without end while they do not: another program on the host, or connections that nobody closes.',
        act: 'compare with the connections open, of this dashboard’s clients and servers.',
        docs: 'metrics.md#connmeterportsin_use',
      },
      unit: 'short',
      empty: EMPTY,
      calcs: ['max', 'lastNotNull'],
      queries: [{ expr: ask.now('connmeter.ports.in_use', INSTANCE), legend: '{{instance}}' }],
    }),
  ],
};
