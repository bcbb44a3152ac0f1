import { linkColumn, number, reuseColumn, topCauseColumn } from '../../grafana/columns.ts';
import type { Row } from '../../grafana/row.ts';
import { table } from '../../grafana/table.ts';
import { mainDashboardWith } from '../../links.ts';
import { SERVER } from '../../promql.ts';
import type { RecordedQueries } from '../../recorded-queries.ts';
import { openedByCause, reuseBy } from './fleet-queries.ts';

const BY = `job, ${SERVER}`;

export const servers: Row<RecordedQueries> = {
  id: 300,
  title: 'By server',
  panels: recorded => [
    table({
      title: 'Servers',
      size: [24, 14],
      description: {
        what: 'All servers that the jobs call, over the last five minutes. Click one to open the dashboard of that job and server. *One-shot* is the share of closed connections that served at most one request.',
        good: 'green reuse, and zero one-shot, wasted and held.',
        bad: 'many new connections and low reuse.',
        action: 'look up the top cause in the docs, and change the code or the setting.',
        docs: 'causes.md',
      },
      unit: 'none',
      noValue: 'No recorded series: are the rules loaded?',
      sortBy: 'New',
      columns: [
        linkColumn(
          'Server',
          'server_address',
          mainDashboardWith({ job: '__data.fields.job', server: '__data.fields.server_address' }),
        ),
        { title: 'Port', label: 'server_port', width: 75 },
        { title: 'Job', label: 'job' },
        number('Requests', recorded.sum('requests', BY), 'reqps', 2),
        reuseColumn(reuseBy(recorded, BY)),
        number('New', recorded.sum('opened', BY), 'cps', 2),
        number('One-shot', `max by (${BY}) (${recorded.of('oneShot')})`, 'percentunit', 1),
        number('Wasted', recorded.sum('setupWasted', BY), 's', 2),
        number('Held', recorded.sum('held', BY), 'none', 1),
        topCauseColumn(openedByCause(recorded, BY), BY),
      ],
    }),
  ],
};
