import { BAD, CAUSE_COLOURS, REASON_COLOURS } from '../../grafana/colours.ts';
import { linked, number, reuseColumn, topCause } from '../../grafana/columns.ts';
import { graph, steps, table } from '../../grafana/panels.ts';
import { explanationOf, mainDashboardWith, THIS_SERVER } from '../../links.ts';
import { type PromQL, SERVER, SERVER_LEGEND, share } from '../../promql.ts';
import { THRESHOLDS } from '../../thresholds.ts';
import type { Row } from '../row.ts';

const { good, bad } = THRESHOLDS.reuse;
const REUSED = { connmeter_connection_reused: 'true' } as const;

export const why: Row = {
  id: 200,
  title: 'Who opens connections, and why?',
  panels: ask => [
    graph({
      title: 'Opened, by cause',
      size: [8, 10],
      explained: {
        what: 'Connections opened per second, by why the client needed a new one.',
        good: '`first` and `pool_busy` now and then: start-up, and real concurrency.',
        bad: '`new_pool` (a client per request), `body_held` (bodies that nobody reads), or `replaced` all the time: then the reasons beside it say what ends connections.',
        act: 'each cause has its fix in the docs, with code.',
        docs: 'causes.md#why-it-was-opened',
      },
      unit: 'cps',
      empty: 'No connection was opened in this time range',
      stack: true,
      colours: CAUSE_COLOURS,
      link: explanationOf('cause'),
      queries: [
        { expr: ask.rate('connmeter.connection.opened', 'connmeter_open_cause'), legend: '{{connmeter_open_cause}}' },
      ],
    }),
    graph({
      title: 'Closed, by reason',
      size: [8, 10],
      explained: {
        what: 'Opened connections that were closed, per second, and why they could not be used any longer.',
        good: '`client_idle_timeout` after a quiet spell.',
        bad: 'orange: the server or a proxy hangs up. Pink: the client is set up to hang up. Purple: requests are given up, or bodies left unread.',
        act: 'each reason has its fix in the docs, with code.',
        docs: 'causes.md#why-it-was-closed',
      },
      unit: 'cps',
      empty: 'No connection was closed in this time range',
      stack: true,
      colours: REASON_COLOURS,
      link: explanationOf('reason'),
      queries: [
        {
          expr: ask.rate('connmeter.connection.closed', 'connmeter_close_reason'),
          legend: '{{connmeter_close_reason}}',
        },
      ],
    }),
    graph({
      title: 'Reuse, by server',
      size: [8, 10],
      explained: {
        what: 'Share of requests to each server that went out on a connection that had served one before.',
        good: `above ${good * 100} %.`,
        bad: `in the red zone, below ${bad * 100} %.`,
        act: 'click the server in the table below, and read its top cause.',
        docs: 'causes.md',
      },
      unit: 'percentunit',
      max: 1,
      empty: 'No requests in this time range',
      zones: true,
      thresholds: steps([null, BAD], [bad, 'transparent']),
      calcs: ['lastNotNull', 'mean'],
      leastFirst: true,
      link: THIS_SERVER,
      queries: [{ expr: reuseBy(ask), legend: SERVER_LEGEND }],
    }),
    servers(ask.overTheRange()),
  ],
};

function servers(ask: PromQL) {
  return table({
    title: 'Servers',
    size: [24, 11],
    explained: {
      what: 'Every server that was called, on average over the time range shown. Click one to see it alone. *One-shot* is the share of closed connections that served one request at most, *wasted* the time that their set-up took, per second.',
      good: 'reuse in green, no one-shot connections, nothing wasted, nothing held.',
      bad: 'many new connections at a low reuse. The top cause says why most of them were opened, and for those that replace a lost one how that was lost.',
      act: 'look the top cause up in the docs, and change that line.',
      docs: 'causes.md',
    },
    unit: 'none',
    empty: 'No connection to any server in this time range',
    sortBy: 'New',
    columns: [
      linked(
        'Server',
        'server_address',
        mainDashboardWith({ server: '__data.fields.server_address' }, ['job', 'instance']),
      ),
      { title: 'Port', label: 'server_port', width: 75 },
      number('Requests', ask.rate('connmeter.requests', SERVER), 'reqps', 2),
      reuseColumn(reuseBy(ask)),
      number('New', ask.rate('connmeter.connection.opened', SERVER), 'cps', 2),
      number('One-shot', oneShot(ask), 'percentunit', 1),
      number('Wasted', ask.rate('connmeter.setup.wasted', SERVER), 's', 2),
      number('Held', ask.average('connmeter.body.held', SERVER), 'none', 1),
      topCause(
        ask.rate('connmeter.connection.opened', `${SERVER}, connmeter_open_cause, connmeter_close_reason`),
        SERVER,
      ),
    ],
  });
}

function reuseBy(ask: PromQL): string {
  return share(ask.rate('connmeter.requests', SERVER, REUSED), ask.rate('connmeter.requests', SERVER));
}

function oneShot(ask: PromQL): string {
  const all = ask.rate('connmeter.connection.requests', SERVER);
  return share(ask.rateUpTo('connmeter.connection.requests', 1, SERVER), all);
}
