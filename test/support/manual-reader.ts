import { MetricReader } from '@opentelemetry/sdk-metrics';

/** A metric reader that collects only when a test asks it to. */
export class ManualReader extends MetricReader {
  protected override async onForceFlush() {}
  protected override async onShutdown() {}
}
