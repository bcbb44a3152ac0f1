import { METRICS } from '../../src/metrics/table.ts';

/** How metrics reach Prometheus. The JavaScript pull exporter adds no unit to their names; OTLP does. */
export type Transport = 'pull' | 'otlp';

export const TRANSPORTS: readonly Transport[] = ['pull', 'otlp'];

/**
 * The name that Prometheus has for one of our metrics. For a histogram it is the part before `_bucket`, `_count` and `_sum`.
 * Throws for a metric that connmeter does not export, so that no panel and no rule can query one.
 *
 * https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/#otlp-metric-points-to-prometheus
 */
export function prometheusName(name: string, transport: Transport): string {
  const metric = METRICS.find(metric => metric.name === name);
  if (metric === undefined) throw new Error(`connmeter exports no metric ${name}`);

  const seconds = metric.unit === 's' && transport === 'otlp' ? '_seconds' : '';
  const total = metric.kind === 'counter' ? '_total' : '';
  return `${name.replaceAll('.', '_')}${seconds}${total}`;
}
