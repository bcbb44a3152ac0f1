import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, labelValues } from './grafana/dashboard.ts';
import { Recordings } from './recorded-queries.ts';
import { fleet, jobs, servers } from './rows/fleet/fleet.ts';
import { RECORDED } from './rules/recording-rules.ts';

/** The dashboard of all services: drawn from recorded series only, which have the same names in both spellings. */
export function fleetDashboard(): Dashboard {
  return dashboard(
    {
      uid: 'connmeter-fleet',
      title: 'Client connections of Node.js: fleet',
      description:
        'Which jobs waste connections, and to which servers? Drawn from the recorded series of connmeter’s rules; click a job or a server for the rest.',
      variables: [labelValues('job', 'Job', RECORDED.instances, 'job')],
      rows: [fleet, jobs, servers],
    },
    new Recordings(),
  );
}
