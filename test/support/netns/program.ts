// Helpers for programs that run in a network namespace, outside vitest.
import { DiagLogLevel, diag } from '@opentelemetry/api';
import { type Histogram, MeterProvider } from '@opentelemetry/sdk-metrics';
import { ConnectionInstrumentation, type ConnectionInstrumentationConfig } from '../../../src/index.ts';
import type { Point } from '../instrument.ts';
import { ManualReader } from '../manual-reader.ts';

export type Metrics = Record<string, readonly Point[]>;

/** Instruments this process; returns a function that collects. A fault of connmeter ends the program and fails the test. */
export function instrument(config: ConnectionInstrumentationConfig = { callSites: false }): () => Promise<Metrics> {
  const fault = (...args: unknown[]) => {
    console.error('a fault of connmeter:', ...args);
    process.exit(1);
  };
  diag.setLogger(
    { verbose() {}, debug() {}, info() {}, warn: fault, error: fault },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const reader = new ManualReader();
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

/** The sum of a metric's series; 0 if there are none. */
export function total(metrics: Metrics, name: string): number {
  return (metrics[name] ?? []).reduce((sum, { value }) => sum + value, 0);
}

/** Reads until the condition holds, for at most five seconds. Returns the last value. */
export async function eventually<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + 5_000;
  for (;;) {
    const value = await read();
    if (holds(value) || performance.now() > deadline) return value;
    await new Promise(setImmediate);
  }
}

/** The code of an error, or of the cause of an error that fetch throws. */
export function errorCode(error: unknown): string {
  const { cause, code } = error as { cause?: { code?: string }; code?: string };
  return code ?? cause?.code ?? String(error);
}

/** The task that the test passed to this program. */
export function readTask<Task>(): Task {
  return JSON.parse(process.argv[2] as string) as Task;
}

/** Sends the report that the test waits for. */
export function sendReport(told: object): void {
  process.stdout.write(JSON.stringify(told));
}
