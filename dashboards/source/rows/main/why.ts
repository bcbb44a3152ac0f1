import { CAUSE_COLOURS, REASON_COLOURS } from '../../grafana/colours.ts';
import { linkColumn, number, reuseColumn, topCauseColumn } from '../../grafana/columns.ts';
import { graph } from '../../grafana/graph.ts';
import type { Row } from '../../grafana/row.ts';
import { table } from '../../grafana/table.ts';
import { ANCHOR, EXPLANATION_OF_SERIES, explanationOf, mainDashboardWith, SERVER_OF_SERIES } from '../../links.ts';
import { labelled, type PromQL, REUSED, SERVER, SERVER_LEGEND, share } from '../../promql.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';
import { reuseGraph } from '../reuse-panels.ts';

const { good, bad } = THRESHOLDS.reuse;

/** A fault has the same colour whether it is shown as the reason of a close, or of the replacement. */
const REPLACED_COLOURS = Object.fromEntries(
  Object.entries(REASON_COLOURS).map(([reason, colour]) => [`replaced: ${reason}`, colour]),
);

export const why: Row<PromQL> = {
  id: 200,
  title: 'Why are connections opened and closed?',
  panels: promql => [
    graph({
      title: 'Connections opened, by cause',
      size: [8, 10],
      description: {
        what: 'Connections opened per second, and why the client needed each of them.',
        good: '`first` and `pool_busy` now and then: the process starts, or sends more requests at once.',
        bad: '`new_pool` (a client per request), `body_held` (unread bodies), or a steady rate of `replaced` with the reason why the earlier connections were lost.',
        action: 'the docs have the fix for each cause, with code.',
        docs: 'causes.md#why-it-was-opened',
      },
      unit: 'cps',
      noValue: 'No connection was opened in this time range',
      stack: true,
      colours: { ...CAUSE_COLOURS, ...REPLACED_COLOURS },
      link: EXPLANATION_OF_SERIES,
      queries: [
        {
          expr: labelled(
            promql.rate('connmeter.connection.opened', 'connmeter_open_cause', { connmeter_close_reason: null }),
            ANCHOR,
            'cause-$1',
            'connmeter_open_cause',
          ),
          legend: '{{connmeter_open_cause}}',
        },
        {
          expr: labelled(
            promql.rate('connmeter.connection.opened', 'connmeter_close_reason', { connmeter_open_cause: 'replaced' }),
            ANCHOR,
            'reason-$1',
            'connmeter_close_reason',
          ),
          legend: 'replaced: {{connmeter_close_reason}}',
        },
      ],
    }),
    graph({
      title: 'Connections closed, by reason',
      size: [8, 10],
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
    reuseGraph({
      title: 'Reuse, by server',
      size: [8, 10],
      description: {
        what: 'Share of the requests to each server that reuse a connection.',
        good: `above ${percent(good)}.`,
        bad: `in the red area, below ${percent(bad)}.`,
        action: 'click the server in the table below, and look up its top cause.',
        docs: 'causes.md',
      },
      link: SERVER_OF_SERIES,
      expr: reuseByServer(promql),
      legend: SERVER_LEGEND,
    }),
    servers(promql.now()),
  ],
};

function servers(promql: PromQL) {
  return table({
    title: 'Servers',
    size: [24, 11],
    description: {
      what: 'All servers that the process calls, in the last 5 minutes. Click one to show only that server. *One-shot* is the share of closed connections that served at most one request. *Wasted* is their set-up time, per second.',
      good: 'green reuse, and zero one-shot, wasted and held.',
      bad: 'many new connections and low reuse. The top cause says why most of them are opened. For `replaced`, it also says why the earlier connections closed.',
      action: 'look up the top cause in the docs, and change the code or the setting.',
      docs: 'causes.md',
    },
    unit: 'none',
    noValue: 'No connection to any server in this time range',
    sortBy: 'New',
    columns: [
      linkColumn(
        'Server',
        'server_address',
        mainDashboardWith({ server: '__data.fields.server_address' }, ['job', 'instance']),
      ),
      { title: 'Port', label: 'server_port', width: 75 },
      number('Requests', promql.rate('connmeter.requests', SERVER), 'reqps', 2),
      reuseColumn(reuseByServer(promql)),
      number('New', promql.rate('connmeter.connection.opened', SERVER), 'cps', 2),
      number('One-shot', oneShotByServer(promql), 'percentunit', 1),
      number('Wasted', promql.rate('connmeter.setup.wasted', SERVER), 's', 2),
      number('Held', promql.average('connmeter.body.held', SERVER), 'none', 1),
      topCauseColumn(
        promql.rate('connmeter.connection.opened', `${SERVER}, connmeter_open_cause, connmeter_close_reason`),
        SERVER,
      ),
    ],
  });
}

function reuseByServer(promql: PromQL): string {
  return share(promql.rate('connmeter.requests', SERVER, REUSED), promql.rate('connmeter.requests', SERVER));
}

function oneShotByServer(promql: PromQL): string {
  const all = promql.rate('connmeter.connection.requests', SERVER);
  return share(promql.rateUpTo('connmeter.connection.requests', 1, SERVER), all);
}
