import { BAD, CAUSE_COLOURS, GOOD, REASON_COLOURS, WATCH } from '../colours.ts';
import { graph, steps, table } from '../panels.ts';
import { type PromQL, SERVER, SERVER_LEGEND, share } from '../promql.ts';
import { THRESHOLDS } from '../thresholds.ts';
import type { Row } from './row.ts';

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
      { title: 'Server', label: 'server_address', settings: { links: [THIS_SERVER], 'custom.minWidth': 160 } },
      { title: 'Port', label: 'server_port', width: 80 },
      { title: 'Requests', expr: ask.rate('connmeter.requests', SERVER), ...number('reqps', 2) },
      {
        title: 'Reuse',
        expr: reuseBy(ask),
        width: 150,
        settings: {
          unit: 'percentunit',
          decimals: 1,
          max: 1,
          thresholds: { mode: 'absolute', steps: steps([null, BAD], [bad, WATCH], [good, GOOD]) },
          'custom.cellOptions': { type: 'gauge', mode: 'basic', valueDisplayMode: 'text' },
        },
      },
      { title: 'New', expr: ask.rate('connmeter.connection.opened', SERVER), ...number('cps', 2) },
      {
        title: 'One-shot',
        expr: share(
          ask.rateUpTo('connmeter.connection.requests', 1, SERVER),
          ask.rate('connmeter.connection.requests', SERVER),
        ),
        ...number('percentunit', 1),
      },
      { title: 'Wasted', expr: ask.rate('connmeter.setup.wasted', SERVER), ...number('s', 2) },
      { title: 'Held', expr: ask.average('connmeter.body.held', SERVER), ...number('none', 1) },
      {
        title: 'Top cause',
        label: 'top_cause',
        expr: topCause(ask),
      },
    ],
  });
}

function number(unit: string, decimals: number) {
  return { width: 100, settings: { unit, decimals } };
}

function reuseBy(ask: PromQL): string {
  return share(ask.rate('connmeter.requests', SERVER, REUSED), ask.rate('connmeter.requests', SERVER));
}

/** Why most connections were opened, as a label: `new_pool`, or `replaced: keep_alive_off`. */
function topCause(ask: PromQL): string {
  const opened = ask.rate('connmeter.connection.opened', `${SERVER}, connmeter_open_cause, connmeter_close_reason`);
  const joined = `label_join(${opened} > 0, "top_cause", ": ", "connmeter_open_cause", "connmeter_close_reason")`;
  const named = `label_replace(${joined}, "top_cause", "$1", "top_cause", "(.+): ")`;
  return `topk by (${SERVER}) (1, sum by (${SERVER}, top_cause) (${named}))`;
}

/** A click on a server sets the variable, and leaves the others as they are. */
const THIS_SERVER = {
  title: 'Only this server',
  url: `/d/connmeter?${[`var-server=\${__value.text:percentencode}`, ...['datasource', 'job', 'instance'].map(queryParam), '$__url_time_range'].join('&')}`,
};

function queryParam(variable: string): string {
  return `\${${variable}:queryparam}`;
}
