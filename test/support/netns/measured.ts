// Measures the program that imports it, outside of vitest; for programs that run in a network namespace.
import { DiagLogLevel, diag } from '@opentelemetry/api';
import { type Histogram, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { ConnectionInstrumentation, type ConnectionInstrumentationConfig } from '../../../src/index.ts';
import type { Point } from '../measuring.ts';

/** A reader turned by hand. */
class HandReader extends MetricReader {
  protected override async onForceFlush() {}
  protected override async onShutdown() {}
}

export type Metrics = Record<string, readonly Point[]>;

/** Starts measuring; returns what collects. A fault of ours ends the program, and with it the test. */
export function measured(config: ConnectionInstrumentationConfig = { callSites: false }): () => Promise<Metrics> {
  const fault = (...args: unknown[]) => {
    console.error('a fault of connmeter:', ...args);
    process.exit(1);
  };
  diag.setLogger(
    { verbose() {}, debug() {}, info() {}, warn: fault, error: fault },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const reader = new HandReader();
  new ConnectionInstrumentation(config).setMeterProvider(new MeterProvider({ readers: [reader] }));

  return async () => {
    const { resourceMetrics, errors } = await reader.collect();
    for (const error of errors) fault(error);
    const metrics = resourceMetrics.scopeMetrics.flatMap(scope => scope.metrics);
    return Object.fromEntries(
      metrics.map(({ descriptor, dataPoints }) => [
        descriptor.name,
        dataPoints.map(({ attributes, value }) => {
          if (typeof value !== 'object') return { attributes, value, sum: 0 };
          const { count, sum = 0 } = value as Histogram;
          return { attributes, value: count, sum };
        }),
      ]),
    );
  };
}

/** A metric's series added up; 0 where there is none. */
export function total(metrics: Metrics, name: string): number {
  return (metrics[name] ?? []).reduce((sum, { value }) => sum + value, 0);
}

/** Reads until the condition holds; gives up after five seconds, and hands over what it saw last. */
export async function eventually<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + 5_000;
  for (;;) {
    const value = await read();
    if (holds(value) || performance.now() > deadline) return value;
    await new Promise(setImmediate);
  }
}

/** The code of an error, also of one that fetch wraps. */
export function codeOf(error: unknown): string {
  const { cause, code } = error as { cause?: { code?: string }; code?: string };
  return code ?? cause?.code ?? String(error);
}

/** What the test asked this program to do. */
export function task<Task>(): Task {
  return JSON.parse(process.argv[2] as string) as Task;
}

/** Hands the test what it waits for. */
export function report(told: object): void {
  process.stdout.write(JSON.stringify(told));
}
