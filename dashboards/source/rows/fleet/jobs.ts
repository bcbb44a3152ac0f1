import { linkColumn, number, reuseColumn, topCauseColumn } from '../../grafana/columns.ts';
import { graph } from '../../grafana/graph.ts';
import type { Row } from '../../grafana/row.ts';
import { table } from '../../grafana/table.ts';
import { mainDashboardWith } from '../../links.ts';
import type { RecordedQueries } from '../../recorded-queries.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';
import { reuseGraph } from '../reuse-panels.ts';
import { openedByCause, reuseBy } from './fleet-queries.ts';

const { good, bad } = THRESHOLDS.reuse;

const JOB_OF_SERIES = mainDashboardWith({ job: '__field.labels.job' });

export const jobs: Row<RecordedQueries> = {
  id: 200,
  title: 'By job',
  panels: recorded => [
    reuseGraph({
      title: 'Reuse, by job',
      size: [8, 9],
      description: {
        what: 'Share of the requests of each job that reuse a connection.',
        good: `above ${percent(good)}.`,
        bad: `in the red area, below ${percent(bad)}, or a sudden drop.`,
        action: 'click the job in the table below.',
        docs: 'causes.md',
      },
      expr: reuseBy(recorded, 'job'),
      legend: '{{job}}',
      link: JOB_OF_SERIES,
    }),
    graph({
      title: 'New connections, by job',
      size: [8, 9],
      description: {
        what: 'Connections that each job opens per second.',
        good: 'close to zero in a steady state.',
        bad: 'grows with the request rate.',
        action: 'click the job in the table below.',
        docs: 'causes.md',
      },
      unit: 'cps',
      noValue: 'No connection was opened in this time range',
      stack: true,
      queries: [{ expr: recorded.sum('opened', 'job'), legend: '{{job}}' }],
      link: JOB_OF_SERIES,
    }),
    graph({
      title: 'DNS lookups, by job',
      size: [8, 9],
      description: {
        what: 'DNS lookups of each job per second.',
        good: 'far below the request rate of the job.',
        bad: 'close to the request rate of the job.',
        action: 'reuse connections first, then cache lookups.',
        docs: 'metrics.md#dnslookupduration',
      },
      unit: 'cps',
      noValue: 'No lookups in this time range',
      stack: true,
      queries: [{ expr: recorded.sum('lookups', 'job'), legend: '{{job}}' }],
      link: JOB_OF_SERIES,
    }),
    table({
      title: 'Jobs',
      size: [24, 8],
      description: {
        what: 'All jobs, over the last five minutes. Click one to open its dashboard. *Wasted* is the set-up time per second of connections that served at most one request.',
        good: 'green reuse, and zero wasted and held.',
        bad: 'many new connections and low reuse.',
        action: 'click the job, and look up its top cause in the docs.',
        docs: 'causes.md',
      },
      unit: 'none',
      noValue: 'No recorded series: are the rules loaded?',
      sortBy: 'New',
      columns: [
        linkColumn('Job', 'job', mainDashboardWith({ job: '__data.fields.job' })),
        number('Instances', recorded.sum('instances', 'job'), 'none', 0),
        number('Requests', recorded.sum('requests', 'job'), 'reqps', 2),
        reuseColumn(reuseBy(recorded, 'job')),
        number('New', recorded.sum('opened', 'job'), 'cps', 2),
        number('DNS', recorded.sum('lookups', 'job'), 'cps', 2),
        number('Wasted', recorded.sum('setupWasted', 'job'), 's', 2),
        number('Held', recorded.sum('held', 'job'), 'none', 1),
        topCauseColumn(openedByCause(recorded, 'job'), 'job'),
      ],
    }),
  ],
};
