import { promDuration } from '../../durations.ts';
import { prometheusName } from '../../metric-names.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';
import { by, LEVELS, RECORDED } from '../recorded-series.ts';
import { JOB } from '../templates.ts';
import type { Alert } from './alert.ts';

const { presence } = THRESHOLDS.targetDown;
const { instances } = RECORDED;

/** The alert about missing metrics. */
export const TARGET_DOWN: Alert = {
  name: 'ConnmeterTargetDown',
  severity: 'warning',
  level: 'job',
  for: 'defaultFor',
  when: `Prometheus cannot scrape a target that had connmeter metrics within a day, or a job that sent them for ${percent(presence)} of the day sends none`,
  expr: (transport, { targetLookback: { range, step } }) => {
    const lookback = `[${promDuration(range)}:${promDuration(step)}]`;
    return `max ${by('job', 'instance')} (up) == 0
and on (${[...LEVELS.job, 'instance'].join(', ')}) max_over_time(${prometheusName('connmeter.dns.pending', transport)}${lookback})
or (
  count_over_time(${instances}${lookback}) > ${(presence * range) / step}
  unless on (${LEVELS.job.join(', ')}) (${instances} or up)
)`;
  },
  summary: 'The metrics of connmeter are missing.',
  description: () =>
    `{{ with $labels.instance }}Prometheus cannot scrape instance {{ . }} of ${JOB}, which had connmeter metrics before.{{ else }}${JOB} sent connmeter metrics for most of the past day, and sends none now.{{ end }} Meanwhile, no other connmeter alert can fire for it.`,
  panel: 'Instances',
};
