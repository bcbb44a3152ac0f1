import type * as Exporter from '@opentelemetry/exporter-prometheus';
import type * as Resources from '@opentelemetry/resources';
import type * as SdkMetrics from '@opentelemetry/sdk-metrics';

const { createRequire } = process.getBuiltinModule('node:module');

/** What `connmeter/register` uses of OpenTelemetry's SDK. */
export interface Sdk {
  readonly resources: typeof Resources;
  readonly metrics: typeof SdkMetrics;
}

/**
 * Loads the SDK, only when something is to be exported. Its CommonJS builds: an ES module that imports a module of Node
 * runs all its getters, and those of `node:http` and `node:util` load undici and open the standard streams.
 */
export function loadSdk(): Sdk {
  const require = createRequire(import.meta.url);
  return { resources: require('@opentelemetry/resources'), metrics: require('@opentelemetry/sdk-metrics') };
}

/** Makes what writes the metrics for Prometheus. Loads `node:http` as well, so not before it is needed. */
export function loadSerializer(): Exporter.PrometheusSerializer {
  const require = createRequire(import.meta.url);
  const { PrometheusSerializer } = require('@opentelemetry/exporter-prometheus') as typeof Exporter;
  return new PrometheusSerializer();
}
