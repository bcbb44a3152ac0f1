import { METRICS } from '../../src/instruments.ts';

/** How a metric's name reaches Prometheus: by the JavaScript pull exporter, which adds no unit, or over OTLP, which adds it. */
export type Spelling = 'pull' | 'otlp';

export const SPELLINGS: readonly Spelling[] = ['pull', 'otlp'];

/**
 * A metric of ours by the name that Prometheus has for it; of a histogram, the name that `_bucket`, `_count` and `_sum`
 * follow. Throws for a metric that we do not export, so that no panel and no rule can ask for one.
 *
 * https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/#otlp-metric-points-to-prometheus
 */
export function spell(name: string, spelling: Spelling): string {
  const metric = METRICS.find(metric => metric.name === name);
  if (metric === undefined) throw new Error(`connmeter exports no metric ${name}`);

  const seconds = metric.unit === 's' && spelling === 'otlp' ? '_seconds' : '';
  const total = metric.kind === 'counter' ? '_total' : '';
  return `${name.replaceAll('.', '_')}${seconds}${total}`;
}
