import type { Attributes } from '@opentelemetry/api';
import type * as Resources from '@opentelemetry/resources';
import type * as SdkMetrics from '@opentelemetry/sdk-metrics';

const { createRequire } = process.getBuiltinModule('node:module');

/** The packages of the OpenTelemetry SDK that `connmeter/register` uses. */
export interface Sdk {
  readonly resources: typeof Resources;
  readonly metrics: typeof SdkMetrics;
}

/**
 * Loads the CommonJS build of the SDK, which only exporters need that push. Its ES modules import modules of Node, which runs
 * all their getters: those of `node:http` load undici, and those of `node:util` open the standard streams.
 */
export function loadSdk(): Sdk {
  const require = createRequire(import.meta.url);
  return { resources: require('@opentelemetry/resources'), metrics: require('@opentelemetry/sdk-metrics') };
}

/** What identifies the service: from `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`, and from the SDK. */
export function detectResource(resources: Sdk['resources']): Resources.Resource {
  const { defaultResource, detectResources, envDetector } = resources;
  return defaultResource().merge(detectResources({ detectors: [envDetector] }));
}

/** The attributes of `target_info`. */
export function resourceAttributes(): Attributes {
  const require = createRequire(import.meta.url);
  return detectResource(require('@opentelemetry/resources')).attributes;
}
