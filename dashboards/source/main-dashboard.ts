import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, labelValues } from './grafana/dashboard.ts';
import { type Spelling, spell } from './metric-names.ts';
import { PromQL } from './promql.ts';
import { cost } from './rows/main/cost.ts';
import { dns } from './rows/main/dns.ts';
import { failures } from './rows/main/failures.ts';
import { pool } from './rows/main/pool.ts';
import { ports } from './rows/main/ports.ts';
import { reuse } from './rows/main/reuse.ts';
import { serverSide } from './rows/main/server-side.ts';
import { why } from './rows/main/why.ts';

/** The dashboard of one service, or some: it asks the raw series, so it needs no rules, and obeys every variable. */
export function mainDashboard(spelling: Spelling): Dashboard {
  const process = spell('connmeter.dns.pending', spelling); // one series each
  const opened = spell('connmeter.connection.opened', spelling);
  return dashboard(
    {
      uid: 'connmeter',
      title: 'Client connections of Node.js',
      description: 'Are connections reused, who opens new ones and why, and what does it cost? Measured by connmeter.',
      variables: [
        labelValues('job', 'Job', process, 'job'),
        labelValues('instance', 'Instance', `${process}{job=~"$job"}`, 'instance'),
        labelValues('server', 'Server', `${opened}{job=~"$job", instance=~"$instance"}`, 'server_address'),
      ],
      rows: [reuse, why, cost, pool, dns, failures, serverSide, ports],
    },
    new PromQL(spelling),
  );
}
