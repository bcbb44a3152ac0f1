import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, placeVariables } from './grafana/dashboard.ts';
import { RecordedQueries } from './recorded-queries.ts';
import { jobs } from './rows/fleet/jobs.ts';
import { overview } from './rows/fleet/overview.ts';
import { servers } from './rows/fleet/servers.ts';
import { RECORDED } from './rules/recorded-series.ts';

/** The dashboard of all services. It queries only recorded series, whose names do not depend on the transport. */
export function fleetDashboard(): Dashboard {
  return dashboard(
    {
      uid: 'connmeter-fleet',
      title: 'Client connections of Node.js: fleet',
      description:
        'Which jobs waste connections, and to which servers? This dashboard needs the recording rules of connmeter. Click a job or a server for details.',
      variables: placeVariables(RECORDED.instances),
      rows: [overview, jobs, servers],
    },
    new RecordedQueries(),
  );
}
