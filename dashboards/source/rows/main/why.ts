import { REASON_COLOURS } from '../../grafana/colours.ts';
import { graph } from '../../grafana/graph.ts';
import type { Row } from '../../grafana/row.ts';
import { explanationOf, SERVER_OF_SERIES } from '../../links.ts';
import { type PromQL, REUSED, SERVER, SERVER_LEGEND, share } from '../../promql.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';
import { reuseGraph } from '../reuse-panels.ts';

const { good, bad } = THRESHOLDS.reuse;

export const why: Row<PromQL> = {
  id: 200,
  title: 'Why are connections closed, and where?',
  panels: promql => [
    graph({
      title: 'Connections closed, by reason',
      size: [8, 9],
      description: {
        what: 'Connections closed per second, and why each could not be used any longer.',
        good: '`client_idle_timeout` when there is little traffic.',
        bad: 'orange: the server or a proxy closes them. Pink: settings of the client close them. Purple: the program aborts requests or does not read bodies.',
        action: 'the docs have the fix for each reason, with code.',
        docs: 'causes.md#why-it-was-closed',
      },
      unit: 'cps',
      noValue: 'No connection was closed in this time range',
      stack: true,
      colours: REASON_COLOURS,
      link: explanationOf('reason'),
      queries: [
        {
          expr: promql.rate('connmeter.connection.closed', 'connmeter_close_reason'),
          legend: '{{connmeter_close_reason}}',
        },
      ],
    }),
    graph({
      title: 'New connections, by server',
      size: [8, 9],
      description: {
        what: 'Connections opened per second, by server.',
        good: 'close to zero in a steady state.',
        bad: 'one server stands out, or all follow the request rate.',
        action: 'click the server to see only its causes.',
        docs: 'causes.md',
      },
      unit: 'cps',
      noValue: 'No connection was opened in this time range',
      stack: true,
      link: SERVER_OF_SERIES,
      queries: [{ expr: promql.rate('connmeter.connection.opened', SERVER), legend: SERVER_LEGEND }],
    }),
    reuseGraph({
      title: 'Reuse, by server',
      size: [8, 9],
      description: {
        what: 'Share of the requests to each server that reuse a connection.',
        good: `above ${percent(good)}.`,
        bad: `below the dashed line, ${percent(bad)}.`,
        action: 'click the server in the table above, and then its verdict.',
        docs: 'causes.md',
      },
      link: SERVER_OF_SERIES,
      expr: share(promql.rate('connmeter.requests', SERVER, REUSED), promql.rate('connmeter.requests', SERVER)),
      legend: SERVER_LEGEND,
    }),
  ],
};
