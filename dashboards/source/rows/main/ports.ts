import { BACKGROUND, BAD } from '../../grafana/colours.ts';
import { graph } from '../../grafana/graph.ts';
import { steps } from '../../grafana/panel.ts';
import type { Row } from '../../grafana/row.ts';
import { INSTANCE, type PromQL, share } from '../../promql.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';

const { timeWaitShare } = THRESHOLDS.ports;
const NO_VALUE = 'Not available: connmeter reads ports on Linux only';
const SIZE = [8, 9] as const;

/** The kernel's figures for the network namespace of the process: that of its pod, or of its host. */
export const ports: Row<PromQL> = {
  id: 800,
  title: 'Local ports',
  collapsed: true,
  panels: promql => [
    graph({
      title: 'Local ports in TIME_WAIT',
      size: SIZE,
      description: {
        what: 'Sockets in TIME_WAIT as a share of the local ports for outgoing connections, per host or pod. A socket stays in TIME_WAIT for a minute, on the side that closed first.',
        good: 'a few percent.',
        bad: `above the dashed line, ${percent(timeWaitShare)}, if the program opens these connections to one server. At 100 %, connecting to that server fails with \`EADDRNOTAVAIL\`. Sockets of a server that closes first are counted too, but use no local port.`,
        action:
          'reuse connections. The causes above say why they are opened. A wider `net.ipv4.ip_local_port_range` gives you time.',
        docs: 'metrics.md#connmeterportstime_wait',
      },
      unit: 'percentunit',
      max: 1,
      noValue: NO_VALUE,
      thresholdLines: true,
      thresholds: steps([null, 'transparent'], [timeWaitShare, BAD]),
      calcs: ['max', 'lastNotNull'],
      queries: [
        {
          expr: share(
            promql.gauge('connmeter.ports.time_wait', INSTANCE),
            promql.gauge('connmeter.ports.ephemeral', INSTANCE),
          ),
          legend: '{{instance}}',
        },
      ],
    }),
    graph({
      title: 'Sockets in TIME_WAIT',
      size: SIZE,
      description: {
        what: 'TCP sockets in TIME_WAIT, per host or pod, and the number of local ports for outgoing connections (the lowest of all instances).',
        good: 'hundreds, far below the number of ports.',
        bad: 'close to the number of ports: see the panel on the left.',
        action:
          'divide by 60 to get the connections per second that this side closes. Then find them among the connections opened.',
        docs: 'metrics.md#connmeterportsephemeral',
      },
      unit: 'short',
      noValue: NO_VALUE,
      calcs: ['max', 'lastNotNull'],
      colours: { 'local ports': BACKGROUND },
      queries: [
        { expr: promql.gauge('connmeter.ports.time_wait', INSTANCE), legend: '{{instance}}' },
        { expr: promql.min('connmeter.ports.ephemeral'), legend: 'local ports' },
      ],
    }),
    graph({
      title: 'TCP sockets in use',
      size: SIZE,
      description: {
        what: 'TCP sockets that are connecting, open, closing or listening, of all programs on the host or in the pod.',
        good: 'follows the number of open connections.',
        bad: 'grows without end while the open connections do not: another program, or connections that are never closed.',
        action: 'compare with the open connections of clients and servers on this dashboard.',
        docs: 'metrics.md#connmeterportsin_use',
      },
      unit: 'short',
      noValue: NO_VALUE,
      calcs: ['max', 'lastNotNull'],
      queries: [{ expr: promql.gauge('connmeter.ports.in_use', INSTANCE), legend: '{{instance}}' }],
    }),
  ],
};
