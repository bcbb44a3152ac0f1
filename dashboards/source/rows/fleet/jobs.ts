import { linkColumn, number, reuseColumn } from '../../grafana/columns.ts';
import { graph } from '../../grafana/graph.ts';
import type { Row } from '../../grafana/row.ts';
import { table } from '../../grafana/table.ts';
import { mainDashboardWith } from '../../links.ts';
import type { RecordedQueries } from '../../recorded-queries.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';
import { reuseGraph } from '../reuse-panels.ts';
import { verdictColumn } from '../verdict-column.ts';
import { type Facts, VERDICT, verdicts } from '../verdicts.ts';
import { factsOf, reuseBy } from './fleet-queries.ts';

const { good, bad } = THRESHOLDS.reuse;

const JOB_OF_SERIES = mainDashboardWith({ job: '__field.labels.job' });

export const jobs: Row<RecordedQueries> = {
  id: 200,
  title: 'By job',
  panels: recorded => [
    table({
      title: 'Jobs',
      size: [24, 8],
      description: {
        what: 'All jobs, over the last 5 minutes, the worst first. Click one to open its dashboard. The verdict is that of its worst server. *Wasted* is the set-up time per second of connections that served at most one request.',
        good: '`Healthy`, high reuse, and zero failures, wasted and held.',
        bad: 'a coloured verdict.',
        action: 'click the job. Or click the verdict: the docs have the fix, with code.',
        docs: 'grafana.md#verdicts',
      },
      unit: 'none',
      noValue: 'No recorded series: are the rules loaded?',
      sortBy: 'Verdict',
      columns: [
        linkColumn('Job', 'job', mainDashboardWith({ job: '__data.fields.job' })),
        verdictColumn(worstOfJob(factsOf(recorded))),
        number('Failures', recorded.sum('failedByError', 'job'), 'cps', 2),
        reuseColumn(reuseBy(recorded, 'job')),
        number('New', recorded.sum('opened', 'job'), 'cps', 2),
        number('DNS', recorded.sum('lookups', 'job'), 'cps', 2),
        number('Wasted', recorded.sum('setupWasted', 'job'), 's', 1),
        number('Held', recorded.sum('held', 'job'), 'none', 1),
        number('Requests', recorded.sum('requests', 'job'), 'reqps', 1),
        number('Instances', recorded.sum('instances', 'job'), 'none', 0),
      ],
    }),
    reuseGraph({
      title: 'Reuse, by job',
      size: [8, 9],
      description: {
        what: 'Share of the requests of each job that reuse a connection.',
        good: `above ${percent(good)}.`,
        bad: `below the dashed line, ${percent(bad)}, or a sudden drop.`,
        action: 'click the job in the table above.',
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
        action: 'click the job in the table above.',
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
  ],
};

/** The verdict about the worst server of each job. */
function worstOfJob(facts: Facts): string {
  return `topk by (job) (1, max by (job, ${VERDICT}) (${verdicts(facts)}))`;
}
