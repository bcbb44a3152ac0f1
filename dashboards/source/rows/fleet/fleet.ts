import { BAD, NEUTRAL, WATCH } from '../../grafana/colours.ts';
import { linked, number, REUSE_STEPS, reuseColumn, topCause } from '../../grafana/columns.ts';
import { graph, type Stat, stat, steps, table } from '../../grafana/panels.ts';
import { mainDashboardWith } from '../../links.ts';
import { SERVER, share } from '../../promql.ts';
import type { Recordings } from '../../recorded-queries.ts';
import { THRESHOLDS } from '../../thresholds.ts';
import type { Row } from '../row.ts';

const size: Stat['size'] = [4, 5];
const { good, bad } = THRESHOLDS.reuse;

const THIS_JOB = mainDashboardWith({ job: '__field.labels.job' });

const reuseBy = (ask: Recordings, by = '') => share(ask.sum('requestsReused', by), ask.sum('requests', by));
const causes = (ask: Recordings, by: string) =>
  ask.sum('openedByCause', `${by}, connmeter_open_cause, connmeter_close_reason`);

export const fleet: Row<Recordings> = {
  id: 100,
  title: 'How is the fleet?',
  panels: ask => [
    stat({
      title: 'Reuse',
      of: 'of HTTP requests',
      size,
      explained: {
        what: 'Share of all HTTP requests that went out on a connection that had served one before, over five minutes.',
        good: `above ${good * 100} %.`,
        bad: `below ${bad * 100} %. One large job may hide a small one: look at the jobs, too.`,
        act: 'take the job with most new connections.',
        docs: 'causes.md',
      },
      unit: 'percentunit',
      decimals: 1,
      max: 1,
      empty: 'no requests',
      thresholds: REUSE_STEPS,
      expr: reuseBy(ask),
    }),
    stat({
      title: 'New connections',
      of: 'per second',
      size,
      explained: {
        what: 'Connections opened per second by all instances.',
        good: 'far below the request rate.',
        bad: 'it grows with the request rate.',
        act: 'take the job that opens most.',
        docs: 'causes.md',
      },
      unit: 'short',
      decimals: 1,
      empty: 'none opened',
      colour: NEUTRAL,
      expr: ask.sum('opened'),
    }),
    stat({
      title: 'DNS lookups',
      of: 'per second',
      size,
      explained: {
        what: 'Names looked up per second (QPS) by all instances: what your DNS servers get from Node.js.',
        good: 'far below the request rate.',
        bad: 'near what your DNS servers take.',
        act: 'keep connections first, then cache lookups.',
        docs: 'metrics.md#dnslookupduration',
      },
      unit: 'short',
      decimals: 1,
      empty: 'no lookups',
      colour: NEUTRAL,
      expr: ask.sum('lookups'),
    }),
    stat({
      title: 'Wasted on set-up',
      of: 'per second',
      size,
      explained: {
        what: 'Seconds per second that go into DNS, TCP and TLS of HTTP connections that serve one request at most.',
        good: 'zero, or nearly.',
        bad: 'above 1 s: at every moment, somewhere a request waits for nothing.',
        act: 'take the server that wastes most.',
        docs: 'metrics.md#connmetersetupwasted',
      },
      unit: 's',
      decimals: 1,
      empty: 'nothing',
      colour: NEUTRAL,
      expr: ask.sum('wasted'),
    }),
    stat({
      title: 'Held bodies',
      of: 'on average',
      size,
      explained: {
        what: 'HTTP connections held by a response that the program does not read, over five minutes.',
        good: 'zero.',
        bad: 'stays up, or grows.',
        act: 'take the server with most, and read or cancel each body.',
        docs: 'causes.md#cause-body_held',
      },
      unit: 'short',
      decimals: 1,
      empty: 'none held',
      thresholds: steps([null, NEUTRAL], [THRESHOLDS.bodies.least, WATCH]),
      expr: ask.sum('held'),
    }),
    stat({
      title: 'Instances',
      of: 'that report',
      size,
      explained: {
        what: 'Processes that connmeter measures.',
        good: 'as many as you run.',
        bad: 'fewer: some are not scraped, or run without connmeter.',
        act: 'look at the targets in Prometheus.',
        docs: 'metrics.md',
      },
      unit: 'short',
      decimals: 0,
      empty: 'none',
      colour: NEUTRAL,
      expr: ask.sum('instances'),
    }),
  ],
};

export const jobs: Row<Recordings> = {
  id: 200,
  title: 'Which jobs?',
  panels: ask => [
    graph({
      title: 'Reuse, by job',
      size: [8, 9],
      explained: {
        what: 'Share of the requests of each job that went out on a connection that had served one before.',
        good: `above ${good * 100} %.`,
        bad: `in the red zone, below ${bad * 100} %, or a step down.`,
        act: 'click the job in the table below.',
        docs: 'causes.md',
      },
      unit: 'percentunit',
      max: 1,
      empty: 'No requests in this time range',
      zones: true,
      thresholds: steps([null, BAD], [bad, 'transparent']),
      calcs: ['lastNotNull', 'mean'],
      leastFirst: true,
      queries: [{ expr: reuseBy(ask, 'job'), legend: '{{job}}' }],
      link: THIS_JOB,
    }),
    graph({
      title: 'New connections, by job',
      size: [8, 9],
      explained: {
        what: 'Connections that each job opens per second.',
        good: 'close to zero in a steady state.',
        bad: 'it grows with the request rate.',
        act: 'click the job in the table below.',
        docs: 'causes.md',
      },
      unit: 'cps',
      empty: 'No connection was opened in this time range',
      stack: true,
      queries: [{ expr: ask.sum('opened', 'job'), legend: '{{job}}' }],
      link: THIS_JOB,
    }),
    graph({
      title: 'DNS lookups, by job',
      size: [8, 9],
      explained: {
        what: 'Names that each job looks up per second.',
        good: 'far below its request rate.',
        bad: 'near its request rate.',
        act: 'keep connections first, then cache lookups.',
        docs: 'metrics.md#dnslookupduration',
      },
      unit: 'cps',
      empty: 'No lookups in this time range',
      stack: true,
      queries: [{ expr: ask.sum('lookups', 'job'), legend: '{{job}}' }],
      link: THIS_JOB,
    }),
    table({
      title: 'Jobs',
      size: [24, 8],
      explained: {
        what: 'Every job, over the last five minutes. Click one to see it on its own dashboard. *Wasted* is the set-up time of connections that served one request at most, per second.',
        good: 'reuse in green, nothing wasted, nothing held.',
        bad: 'many new connections at a low reuse.',
        act: 'click the job, and look its top cause up in the docs.',
        docs: 'causes.md',
      },
      unit: 'none',
      empty: 'No job is recorded: are the rules loaded?',
      sortBy: 'New',
      columns: [
        linked('Job', 'job', mainDashboardWith({ job: '__data.fields.job' })),
        number('Instances', ask.sum('instances', 'job'), 'none', 0),
        number('Requests', ask.sum('requests', 'job'), 'reqps', 2),
        reuseColumn(reuseBy(ask, 'job')),
        number('New', ask.sum('opened', 'job'), 'cps', 2),
        number('DNS', ask.sum('lookups', 'job'), 'cps', 2),
        number('Wasted', ask.sum('wasted', 'job'), 's', 2),
        number('Held', ask.sum('held', 'job'), 'none', 1),
        topCause(causes(ask, 'job'), 'job'),
      ],
    }),
  ],
};

const BY_SERVER = `job, ${SERVER}`;

export const servers: Row<Recordings> = {
  id: 300,
  title: 'Which servers?',
  panels: ask => [
    table({
      title: 'Servers',
      size: [24, 14],
      explained: {
        what: 'Every server that a job calls, over the last five minutes. Click one to see that job and server on their own dashboard. *One-shot* is the share of closed connections that served one request at most.',
        good: 'reuse in green, no one-shot connections, nothing wasted, nothing held.',
        bad: 'many new connections at a low reuse.',
        act: 'look the top cause up in the docs, and change that line.',
        docs: 'causes.md',
      },
      unit: 'none',
      empty: 'No server is recorded: are the rules loaded?',
      sortBy: 'New',
      columns: [
        linked(
          'Server',
          'server_address',
          mainDashboardWith({ job: '__data.fields.job', server: '__data.fields.server_address' }),
        ),
        { title: 'Port', label: 'server_port', width: 75 },
        { title: 'Job', label: 'job' },
        number('Requests', ask.sum('requests', BY_SERVER), 'reqps', 2),
        reuseColumn(reuseBy(ask, BY_SERVER)),
        number('New', ask.sum('opened', BY_SERVER), 'cps', 2),
        number('One-shot', `max by (${BY_SERVER}) (${ask.of('oneShot')})`, 'percentunit', 1),
        number('Wasted', ask.sum('wasted', BY_SERVER), 's', 2),
        number('Held', ask.sum('held', BY_SERVER), 'none', 1),
        topCause(causes(ask, BY_SERVER), BY_SERVER),
      ],
    }),
  ],
};
