import type * as Api from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import type * as Resources from '@opentelemetry/resources';
import type * as SdkMetrics from '@opentelemetry/sdk-metrics';
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type { OtlpProtocol } from './environment.ts';

const { createRequire } = process.getBuiltinModule('node:module');

/** The packages of the OpenTelemetry SDK that `connmeter/register` uses. */
export interface Sdk {
  readonly api: typeof Api;
  readonly resources: typeof Resources;
  readonly metrics: typeof SdkMetrics;
}

/**
 * Loads the CommonJS build of the SDK, which only exporters need that push. Its ES modules import modules of Node, which runs
 * all their getters: those of `node:http` load undici, and those of `node:util` open the standard streams.
 */
export function loadSdk(): Sdk {
  const require = createRequire(import.meta.url);
  return {
    api: require('@opentelemetry/api'),
    resources: require('@opentelemetry/resources'),
    metrics: require('@opentelemetry/sdk-metrics'),
  };
}

const OTLP_PACKAGES: Readonly<Record<OtlpProtocol, string>> = {
  'http/protobuf': '@opentelemetry/exporter-metrics-otlp-proto',
  'http/json': '@opentelemetry/exporter-metrics-otlp-http',
  grpc: '@opentelemetry/exporter-metrics-otlp-grpc',
};

/**
 * Creates the OTLP exporter of a protocol, which reads the `OTEL_EXPORTER_OTLP_*` variables. Its package is an optional peer: it
 * may be installed beside connmeter, or only for the program.
 *
 * @throws Error that says what to install, if it is not.
 */
export function loadOtlpExporter(protocol: OtlpProtocol): PushMetricExporter {
  const name = OTLP_PACKAGES[protocol];
  for (const from of [import.meta.url, process.argv[1], `${process.cwd()}/`]) {
    if (from === undefined) continue;
    try {
      const { OTLPMetricExporter } = createRequire(from)(name) as { OTLPMetricExporter: new () => PushMetricExporter };
      return new OTLPMetricExporter();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  throw new Error(`${name} is not installed: npm install ${name}`);
}

/** What identifies the service: from `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`, and from the SDK. */
export function detectResource(resources: Sdk['resources']): Resources.Resource {
  const { defaultResource, detectResources, envDetector } = resources;
  return defaultResource().merge(detectResources({ detectors: [envDetector] }));
}

/** The same for exporters that push. Each process is an instance of its own. */
export function detectInstance(resources: Sdk['resources']): Resources.Resource {
  const { randomUUID } = process.getBuiltinModule('node:crypto');
  return resources.resourceFromAttributes({ 'service.instance.id': randomUUID() }).merge(detectResource(resources));
}

/** The attributes of `target_info`. */
export function resourceAttributes(): Attributes {
  const require = createRequire(import.meta.url);
  return detectResource(require('@opentelemetry/resources')).attributes;
}
