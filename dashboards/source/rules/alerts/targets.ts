import { type Durations, promDuration } from '../../durations.ts';
import { prometheusName, type Transport } from '../../metric-names.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';
import { by, LEVELS, RECORDED } from '../recorded-series.ts';
import { JOB, VALUE } from '../templates.ts';
import type { Alert } from './alert.ts';

const { targetDown, processes } = THRESHOLDS;
const { presence } = targetDown;
const { instances } = RECORDED;

const PER_INSTANCE = by('job', 'instance');
const ON_INSTANCE = `on (${[...LEVELS.job, 'instance'].join(', ')})`;
const UP = `max ${PER_INSTANCE} (up)`;
const INSTANCE = '{{ with $labels.instance }}, instance {{ . }}{{ end }}';

const lookback = ({ targetLookback: { range, step } }: Durations) => `[${promDuration(range)}:${promDuration(step)}]`;
/** How many steps of the lookback a share of it has. */
const steps = ({ targetLookback: { range, step } }: Durations, share: number) => Math.round((share * range) / step);

/**
 * A target had the metrics of connmeter for most of another time. The subqueries have no aggregation inside, because that costs
 * more for each step.
 */
const hadMetrics = (transport: Transport, durations: Durations, time: 'count_over_time' | 'sum_over_time') => {
  const had = `count_over_time(${prometheusName('connmeter.dns.pending', transport)}${lookback(durations)})`;
  return `sum ${PER_INSTANCE} (${had}) > ${presence} * sum ${PER_INSTANCE} (${time}(up${lookback(durations)}))`;
};

/** Alerts about metrics that are missing, and processes. */
export const TARGET_ALERTS: readonly Alert[] = [
  {
    name: 'ConnmeterTargetDown',
    severity: 'warning',
    level: 'job',
    perInstance: true,
    for: 'defaultFor',
    when: `Prometheus cannot scrape a target that had connmeter metrics for more than ${percent(presence)} of the past day, or a job that sent them for ${percent(presence)} of the day sends none`,
    // ALERTS keeps it firing until the target is back, also if it is down for longer than it was up.
    expr: (transport, durations) => `${UP} == 0
and ${ON_INSTANCE} (
  ${hadMetrics(transport, durations, 'count_over_time')}
  or ALERTS{alertname="ConnmeterTargetDown",alertstate="firing"}
)
or (
  count_over_time(${instances}${lookback(durations)}) > ${steps(durations, presence)}
  unless on (${LEVELS.job.join(', ')}) (${instances} or up)
)`,
    summary: 'The metrics of connmeter are missing.',
    description: () =>
      `${JOB}${INSTANCE}: {{ if $labels.instance }}Prometheus cannot scrape it any more{{ else }}no metrics of connmeter any more{{ end }}. Fix: start the program, or repair the connection to it. Until then, no other connmeter alert can fire for it.`,
    panel: 'Instances',
    dashboard: 'connmeter-fleet',
  },
  {
    name: 'ConnmeterNotReporting',
    severity: 'warning',
    level: 'job',
    perInstance: true,
    for: 'defaultFor',
    when: `Prometheus can scrape a target, but the connmeter metrics that it had for more than ${percent(presence)} of its time within the past day are gone`,
    expr: (transport, durations) => `${UP} == 1
unless ${ON_INSTANCE} ${prometheusName('connmeter.dns.pending', transport)}
and ${hadMetrics(transport, durations, 'sum_over_time')}`,
    summary: 'A target has no metrics of connmeter any more.',
    description: () =>
      `${JOB}${INSTANCE}: the target is up, but has no metrics of connmeter any more. Fix: check that the program starts with node --import connmeter/register and that its port is free. Until then, no other connmeter alert can fire for it.`,
    panel: 'Instances',
    dashboard: 'connmeter-fleet',
  },
  {
    name: 'ConnmeterProcessesMissing',
    severity: 'warning',
    level: 'job',
    perInstance: true,
    for: 'defaultFor',
    when: `an instance has fewer processes than for ${percent(1 - processes.rarely)} of the past day, and had metrics for at least ${percent(processes.presence)} of it`,
    expr: (transport, durations) => {
      const { rarely, presence } = processes;
      // With one series for each process, old ones would count too.
      const metric = `${prometheusName('connmeter.processes', transport)}{process_pid=""}`;
      const over = `${metric}${lookback(durations)}`;
      return `floor(max ${PER_INSTANCE} (quantile_over_time(${rarely}, ${over}))) - sum ${PER_INSTANCE} (${metric}) > 0
and sum ${PER_INSTANCE} (count_over_time(${over})) >= ${steps(durations, presence)}`;
    },
    summary: 'An instance has fewer processes than before.',
    description: () =>
      `${JOB}${INSTANCE}: ${VALUE} of its processes are missing. Fix: look for crashes in the log of the program, and restart the workers that are gone or hang.`,
    panel: 'Processes and threads',
  },
];
