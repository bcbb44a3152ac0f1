import { linkColumn, number, reuseColumn } from '../../grafana/columns.ts';
import type { Row } from '../../grafana/row.ts';
import { table } from '../../grafana/table.ts';
import { mainDashboardWith } from '../../links.ts';
import type { RecordedQueries } from '../../recorded-queries.ts';
import { verdictColumn } from '../verdict-column.ts';
import { verdicts } from '../verdicts.ts';
import { factsOf, JOB_AND_SERVER, reuseBy } from './fleet-queries.ts';

export const servers: Row<RecordedQueries> = {
  id: 300,
  title: 'By server',
  panels: recorded => [
    table({
      title: 'Servers',
      size: [24, 14],
      description: {
        what: 'All servers that the jobs call, over the last 5 minutes, the worst first. Click one to open the dashboard of that job and server. *One-shot* is the share of closed connections that served at most one request.',
        good: '`Healthy`, high reuse, and zero in the other columns.',
        bad: 'a coloured verdict.',
        action: 'click the verdict: the docs have the fix, with code.',
        docs: 'grafana.md#verdicts',
      },
      unit: 'none',
      noValue: 'No recorded series: are the rules loaded?',
      sortBy: 'Verdict',
      columns: [
        linkColumn(
          'Server',
          'server_address',
          mainDashboardWith({ job: '__data.fields.job', server: '__data.fields.server_address' }),
        ),
        { title: 'Port', label: 'server_port', width: 70 },
        { title: 'Job', label: 'job', options: { 'custom.minWidth': 120 } },
        verdictColumn(verdicts(factsOf(recorded))),
        number('Failures', recorded.sum('failedByError', JOB_AND_SERVER), 'cps', 2),
        reuseColumn(reuseBy(recorded, JOB_AND_SERVER)),
        number('New', recorded.sum('opened', JOB_AND_SERVER), 'cps', 2),
        number('One-shot', `max by (${JOB_AND_SERVER}) (${recorded.of('oneShot')})`, 'percentunit', 0),
        number('Wasted', recorded.sum('setupWasted', JOB_AND_SERVER), 's', 1),
        number('Held', recorded.sum('held', JOB_AND_SERVER), 'none', 1),
        number('Requests', recorded.sum('requests', JOB_AND_SERVER), 'reqps', 1),
      ],
    }),
  ],
};
