import { prometheusName } from '../../dashboards/source/metric-names.ts';
import { METRICS } from '../../src/metrics/table.ts';
import { freePort } from './free-port.ts';
import type { Scrape } from './prometheus.ts';
import { startProgram, temporaryFolder, waitUntilReady } from './service.ts';

/** A server that receives OTLP and lets Prometheus scrape what it received. */
export interface OtlpReceiver {
  /** URL that metrics are sent to. */
  readonly endpoint: string;
  /** How Prometheus scrapes them. */
  readonly scrape: Scrape;
}

/** Starts VictoriaMetrics until the test ends. It names metrics as Prometheus does, so only target labels are rewritten. */
export async function startOtlpReceiver(binary: string): Promise<OtlpReceiver> {
  const target = `127.0.0.1:${await freePort()}`;
  const folder = temporaryFolder('otlp');
  const said = startProgram(
    binary,
    [
      ...[`-httpListenAddr=${target}`, `-storageDataPath=${folder}/data`, '-opentelemetry.usePrometheusNaming'],
      ...['-search.latencyOffset=0s', '-memory.allowedBytes=128MB'],
    ],
    folder,
  );
  await waitUntilReady(`http://${target}/health`, said);
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

/** Relabeling rules that rename the metrics of the pull exporter to their OTLP names, for tests without an OTLP receiver. */
export const AS_IF_OVER_OTLP = METRICS.filter(
  ({ name }) => prometheusName(name, 'pull') !== prometheusName(name, 'otlp'),
).map(({ name }) => ({
  source_labels: ['__name__'],
  regex: `${prometheusName(name, 'pull')}(_bucket|_count|_sum|)`,
  target_label: '__name__',
  replacement: `${prometheusName(name, 'otlp')}$1`,
}));
