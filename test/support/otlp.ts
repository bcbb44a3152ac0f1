import { prometheusName } from '../../dashboards/source/metric-names.ts';
import { METRICS } from '../../src/metrics/instruments.ts';
import { freePort } from './child.ts';
import type { Scrape } from './prometheus.ts';
import { launch, ready, temporaryFolder } from './service.ts';

/** Somebody who takes OTLP, and has what it took scraped by Prometheus. */
export interface OtlpReceiver {
  /** Where metrics are sent. */
  readonly endpoint: string;
  /** How Prometheus gets at them. */
  readonly scrape: Scrape;
}

/** A VictoriaMetrics, by its path, for the time of a test. It names what it gets as Prometheus does: we rewrite nothing but the target. */
export async function startOtlpReceiver(binary: string): Promise<OtlpReceiver> {
  const target = `127.0.0.1:${await freePort()}`;
  const folder = temporaryFolder('otlp');
  const said = launch(
    binary,
    [
      ...[`-httpListenAddr=${target}`, `-storageDataPath=${folder}/data`, '-opentelemetry.usePrometheusNaming'],
      ...['-search.latencyOffset=0s', '-memory.allowedBytes=128MB'],
    ],
    folder,
  );
  await ready(`http://${target}/health`, said);
  return {
    endpoint: `http://${target}/opentelemetry/v1/metrics`,
    scrape: {
      target,
      metrics_path: '/federate',
      params: { 'match[]': ['{__name__!=""}'] },
      // https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/#resource-attributes-1
      metric_relabel_configs: [
        { source_labels: ['service_namespace', 'service_name'], separator: '/', target_label: 'job' },
        { source_labels: ['service_instance_id'], target_label: 'instance' },
        { action: 'labeldrop', regex: 'service_.*|scope_.*' },
      ],
    },
  };
}

/** Makes what the pull exporter serves look as if it had come over OTLP, where there is nobody to take that. */
export const AS_IF_OVER_OTLP = METRICS.filter(
  ({ name }) => prometheusName(name, 'pull') !== prometheusName(name, 'otlp'),
).map(({ name }) => ({
  source_labels: ['__name__'],
  regex: `${prometheusName(name, 'pull')}(_bucket|_count|_sum|)`,
  target_label: '__name__',
  replacement: `${prometheusName(name, 'otlp')}$1`,
}));
