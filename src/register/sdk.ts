import type * as Exporter from '@opentelemetry/exporter-prometheus';
import type * as Resources from '@opentelemetry/resources';
import type * as SdkMetrics from '@opentelemetry/sdk-metrics';

/** What `connmeter/register` uses of OpenTelemetry's SDK. */
export interface Sdk {
  readonly exporter: typeof Exporter;
  readonly resources: typeof Resources;
  readonly metrics: typeof SdkMetrics;
}

/**
 * Loads the SDK, only when something is to be exported. Its CommonJS builds: an ES module that imports a module of Node
 * runs all its getters, and those of `node:http` and `node:util` load undici and open the standard streams.
 */
export function loadSdk(): Sdk {
  const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);
  return {
    exporter: require('@opentelemetry/exporter-prometheus'),
    resources: require('@opentelemetry/resources'),
    metrics: require('@opentelemetry/sdk-metrics'),
  };
}
