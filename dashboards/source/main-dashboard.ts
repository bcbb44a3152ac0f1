import { AnnotationQueryBuilder, type Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, labelValues, placeVariables } from './grafana/dashboard.ts';
import { DATASOURCE } from './grafana/panel.ts';
import { prometheusName, type Transport } from './metric-names.ts';
import { PLACE } from './place.ts';
import { INSTANCE, PromQL } from './promql.ts';
import { cost } from './rows/main/cost.ts';
import { dns } from './rows/main/dns.ts';
import { failures } from './rows/main/failures.ts';
import { overview } from './rows/main/overview.ts';
import { pool } from './rows/main/pool.ts';
import { ports } from './rows/main/ports.ts';
import { processes } from './rows/main/processes.ts';
import { queue } from './rows/main/queue.ts';
import { races } from './rows/main/races.ts';
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
        ...placeVariables(process),
        labelValues('instance', 'Instance', `${process}{${PLACE}}`, 'instance'),
        labelValues('server', 'Server', `${opened}{${PLACE}, instance=~"$instance"}`, 'server_address'),
      ],
      annotations: [restarts(process, opened)],
      rows: [overview, why, cost, pool, queue, dns, failures, races, withoutHttp, processes, serverSide, ports],
    },
    new PromQL(transport),
  );
}

/** Marks when instances start: they appear, or their counters begin at zero again. */
function restarts(process: string, opened: string): AnnotationQueryBuilder {
  const chosen = `${PLACE}, instance=~"$instance"`;
  const appeared = `${process}{${chosen}} unless ${process}{${chosen}} offset 2m`;
  const again = `sum by (${INSTANCE}) (resets(${opened}{${chosen}}[2m])) > 0`;
  return new AnnotationQueryBuilder()
    .name('Restarts')
    .datasource(DATASOURCE)
    .enable(true)
    .iconColor('blue')
    .expr(`count by (job) (count by (${INSTANCE}) (${appeared}) or ${again})`)
    .titleFormat('Started')
    .textFormat('{{job}}')
    .tagKeys('job')
    .step('60s');
}
