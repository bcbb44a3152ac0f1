import type * as Exporter from '@opentelemetry/exporter-prometheus';
import type * as Resources from '@opentelemetry/resources';
import type * as SdkMetrics from '@opentelemetry/sdk-metrics';

const { createRequire } = process.getBuiltinModule('node:module');

/** The packages of the OpenTelemetry SDK that `connmeter/register` uses. */
export interface Sdk {
  readonly resources: typeof Resources;
  readonly metrics: typeof SdkMetrics;
}

/**
 * Loads the CommonJS build of the SDK. Its ES modules import modules of Node, which runs all their getters: those of
 * `node:http` load undici, and those of `node:util` open the standard streams.
 */
export function loadSdk(): Sdk {
  const require = createRequire(import.meta.url);
  return { resources: require('@opentelemetry/resources'), metrics: require('@opentelemetry/sdk-metrics') };
}

/** Creates the Prometheus serializer. Its package loads `node:http`, so call this only when it is needed. */
export function loadSerializer(): Exporter.PrometheusSerializer {
  const require = createRequire(import.meta.url);
  const { PrometheusSerializer } = require('@opentelemetry/exporter-prometheus') as typeof Exporter;
  return new PrometheusSerializer();
}
