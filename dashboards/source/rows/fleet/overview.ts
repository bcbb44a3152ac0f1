import { NEUTRAL, WATCH } from '../../grafana/colours.ts';
import { steps } from '../../grafana/panel.ts';
import type { Row } from '../../grafana/row.ts';
import { stat } from '../../grafana/stat.ts';
import type { RecordedQueries } from '../../recorded-queries.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';
import { NOT_REPORTING, numberStat, STAT_SIZE } from '../number-stat.ts';
import { reuseStat } from '../reuse-panels.ts';
import { reuseBy, total, zero } from './fleet-queries.ts';

const { good, bad } = THRESHOLDS.reuse;

export const overview: Row<RecordedQueries> = {
  id: 100,
  title: 'All jobs',
  panels: recorded => [
    reuseStat({
      description: {
        what: 'Share of all HTTP requests that reuse a connection, over the last five minutes.',
        good: `above ${percent(good)}.`,
        bad: `below ${percent(bad)}. A large job may hide a small one, so look at the jobs too.`,
        action: 'start with the job that opens most connections.',
        docs: 'causes.md',
      },
      expr: reuseBy(recorded),
      zero: zero(recorded),
    }),
    numberStat({
      title: 'New connections',
      label: 'per second',
      description: {
        what: 'Connections that all instances open per second.',
        good: 'far below the request rate.',
        bad: 'grows with the request rate.',
        action: 'start with the job that opens most connections.',
        docs: 'causes.md',
      },
      expr: total(recorded, 'opened'),
    }),
    numberStat({
      title: 'DNS lookups',
      label: 'per second',
      description: {
        what: 'DNS lookups of all instances per second. This is the load that Node.js puts on your DNS servers.',
        good: 'far below the request rate.',
        bad: 'close to the limit of your DNS servers.',
        action: 'reuse connections first, then cache lookups.',
        docs: 'metrics.md#dnslookupduration',
      },
      expr: total(recorded, 'lookups'),
    }),
    numberStat({
      title: 'Set-up wasted',
      label: 'per second',
      description: {
        what: 'Set-up time (DNS, TCP and TLS) per second, of HTTP connections that served at most one request.',
        good: 'close to zero.',
        bad: 'above 1 s: on average, more than one request is always waiting for such a connection.',
        action: 'start with the server that wastes most.',
        docs: 'metrics.md#connmetersetupwasted',
      },
      unit: 's',
      expr: total(recorded, 'setupWasted'),
    }),
    stat({
      title: 'Held connections',
      label: 'by unread bodies',
      size: STAT_SIZE,
      description: {
        what: 'HTTP connections with a response that the program does not read, averaged over the last five minutes.',
        good: 'zero.',
        bad: 'stays above zero, or grows.',
        action: 'start with the server that holds most. Read or cancel each response body.',
        docs: 'causes.md#cause-body_held',
      },
      unit: 'short',
      decimals: 1,
      noValue: NOT_REPORTING,
      thresholds: steps([null, 'text'], [0, NEUTRAL], [THRESHOLDS.bodies.minCount, WATCH]),
      expr: total(recorded, 'held'),
    }),
    numberStat({
      title: 'Instances',
      label: 'with metrics',
      description: {
        what: 'Processes that send metrics of connmeter.',
        good: 'as many as you run.',
        bad: 'fewer: Prometheus does not scrape some of them, or they run without connmeter.',
        action: 'look at the targets in Prometheus.',
        docs: 'metrics.md',
      },
      decimals: 0,
      expr: recorded.sum('instances'),
    }),
  ],
};
