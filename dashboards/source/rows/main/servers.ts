import { linkColumn, number, reuseColumn } from '../../grafana/columns.ts';
import { table } from '../../grafana/table.ts';
import { mainDashboardWith } from '../../links.ts';
import { type PromQL, REUSED, SERVER, share } from '../../promql.ts';
import { THRESHOLDS } from '../../thresholds.ts';
import { verdictColumn } from '../verdict-column.ts';
import { verdicts } from '../verdicts.ts';
import { setUpTimeByServer } from './set-up-time.ts';

/** Every server that is called, the worst first. */
export function servers(promql: PromQL) {
  const requests = promql.rate('connmeter.requests', SERVER);
  const reuse = share(promql.rate('connmeter.requests', SERVER, REUSED), requests);
  const held = promql.average('connmeter.body.held', SERVER);
  const setup = setUpTimeByServer(promql);
  return table({
    title: 'Servers',
    size: [24, 8],
    description: {
      what: 'All servers that the program calls, in the last 5 minutes, whatever the time range is. The worst is first. Click a server to show only that one. *Set-up* is the 95th percentile of DNS, TCP and TLS. *Wasted* is the set-up time per second of connections that served at most one request. *Held* and *Waiting* are averages.',
      good: '`Healthy`, high reuse, and zero in the other columns.',
      bad: 'a coloured verdict. It has the colour of the same fault in the graphs.',
      action: 'click the verdict: the docs have the fix, with code.',
      docs: 'grafana.md#verdicts',
    },
    unit: 'none',
    noValue: 'No connection to any server in the last 5 minutes',
    sortBy: 'Verdict',
    columns: [
      linkColumn(
        'Server',
        'server_address',
        mainDashboardWith({ server: '__data.fields.server_address' }, ['job', 'instance']),
      ),
      { title: 'Port', label: 'server_port', width: 70 },
      verdictColumn(
        verdicts({
          by: SERVER,
          opened: promql.rate('connmeter.connection.opened', `${SERVER}, connmeter_open_cause, connmeter_close_reason`),
          failed: promql.rate('connmeter.connection.failed', `${SERVER}, connmeter_phase`),
          requests,
          reuse,
          held,
          pending: promql.average('connmeter.connection.pending', SERVER),
          races: promql.rate('connmeter.requests.failed', SERVER, { ...REUSED, error_type: 'closed|reset' }),
          saturated: promql.mean('connmeter.pool.saturated', SERVER),
          setup,
        }),
      ),
      number('Failures', promql.failures(SERVER), 'cps', 2),
      reuseColumn(`${reuse} and ${requests} >= ${THRESHOLDS.harm.minRequests}`),
      number('New', promql.rate('connmeter.connection.opened', SERVER), 'cps', 2),
      number('Set-up', setup, 's', 1),
      number('Wasted', promql.rate('connmeter.setup.wasted', SERVER), 's', 1),
      number('Held', held, 'none', 1),
      number('Waiting', promql.average('connmeter.request.pending', SERVER), 'none', 1),
      number('Requests', requests, 'reqps', 1),
    ],
  });
}
