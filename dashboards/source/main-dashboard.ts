import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, labelValues } from './grafana/dashboard.ts';
import { prometheusName, type Transport } from './metric-names.ts';
import { PromQL } from './promql.ts';
import { cost } from './rows/main/cost.ts';
import { dns } from './rows/main/dns.ts';
import { failures } from './rows/main/failures.ts';
import { overview } from './rows/main/overview.ts';
import { pool } from './rows/main/pool.ts';
import { ports } from './rows/main/ports.ts';
import { queue } from './rows/main/queue.ts';
import { serverSide } from './rows/main/server-side.ts';
import { why } from './rows/main/why.ts';
import { withoutHttp } from './rows/main/without-http.ts';

/** The dashboard of one or several services. It queries the metrics themselves, so it works without the recording rules. */
export function mainDashboard(transport: Transport): Dashboard {
  const process = prometheusName('connmeter.dns.pending', transport); // each process has exactly one series of it
  const opened = prometheusName('connmeter.connection.opened', transport);
  return dashboard(
    {
      uid: 'connmeter',
      title: 'Client connections of Node.js',
      description:
        'Does the service reuse its connections? Why does it open new ones, and what do they cost? Measured by connmeter.',
      variables: [
        labelValues('job', 'Job', process, 'job'),
        labelValues('instance', 'Instance', `${process}{job=~"$job"}`, 'instance'),
        labelValues('server', 'Server', `${opened}{job=~"$job", instance=~"$instance"}`, 'server_address'),
      ],
      rows: [overview, why, cost, pool, queue, withoutHttp, dns, failures, serverSide, ports],
    },
    new PromQL(transport),
  );
}
