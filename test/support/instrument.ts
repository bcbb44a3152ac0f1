import { type Attributes, type AttributeValue, DiagLogLevel, diag } from '@opentelemetry/api';
import { type Histogram, MeterProvider } from '@opentelemetry/sdk-metrics';
import { expect, onTestFinished } from 'vitest';
import { ConnectionInstrumentation, type ConnectionInstrumentationConfig } from '../../src/index.ts';
import { ManualReader } from './manual-reader.ts';

export interface Point {
  readonly attributes: Attributes;
  /** The sum of a counter, or the number of measurements of a histogram. */
  readonly value: number;
  /** The sum of a histogram's measurements. */
  readonly sum: number;
}

/** The result of one collection. */
export class Readings {
  readonly #metrics: ReadonlyMap<string, readonly Point[]>;

  constructor(metrics: ReadonlyMap<string, readonly Point[]>) {
    this.#metrics = metrics;
  }

  get names(): string[] {
    return [...this.#metrics.keys()];
  }

  /** The series of a metric that have all these labels; `undefined` selects series without the label. */
  points(name: string, labels: Record<string, AttributeValue | undefined> = {}): Point[] {
    return (this.#metrics.get(name) ?? []).filter(({ attributes }) =>
      Object.entries(labels).every(([key, value]) => attributes[key] === value),
    );
  }

  /** The sum of their values; 0 if there are none. */
  value(name: string, labels: Record<string, AttributeValue | undefined> = {}): number {
    return this.points(name, labels).reduce((total, { value }) => total + value, 0);
  }

  /** How many connections were opened for each cause, without zeros. */
  causes(labels: Record<string, AttributeValue | undefined> = {}): Record<string, number> {
    const causes: Record<string, number> = {};
    for (const { attributes, value } of this.points('connmeter.connection.opened', labels)) {
      const cause = String(attributes['connmeter.open.cause']);
      if (value > 0) causes[cause] = (causes[cause] ?? 0) + value;
    }
    return causes;
  }

  /** All connection counts of one port, to compare at once. */
  countsOf(port: number) {
    const at = { 'server.port': port };
    return {
      opened: this.value('connmeter.connection.opened', at),
      closed: this.value('connmeter.connection.closed', at),
      failed: this.value('connmeter.connection.failed', at),
      fresh: this.value('connmeter.requests', { ...at, 'connmeter.connection.reused': false }),
      reused: this.value('connmeter.requests', { ...at, 'connmeter.connection.reused': true }),
      active: this.value('http.client.open_connections', { ...at, 'http.connection.state': 'active' }),
      idle: this.value('http.client.open_connections', { ...at, 'http.connection.state': 'idle' }),
      requests: this.value('http.client.active_requests', at),
    };
  }
}

export interface Instrumented {
  readonly instrumentation: ConnectionInstrumentation;
  read(): Promise<Readings>;
}

/** Instruments this process until the test ends. Any fault of connmeter fails the test. */
export function instrument(config: ConnectionInstrumentationConfig = {}): Instrumented {
  const faults: unknown[] = [];
  diag.setLogger(
    {
      verbose() {},
      debug() {},
      info() {},
      warn: (...args) => {
        if (!/ created at /.test(String(args[0]))) faults.push(args); // a call-site warning is about the program
      },
      error: (...args) => faults.push(args),
    },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const instrumentation = new ConnectionInstrumentation(config);
  onTestFinished(() => {
    instrumentation.disable();
    expect(faults).toEqual([]);
  });
  return { instrumentation, read: attachReader(instrumentation) };
}

/** Gives the instrumentation a MeterProvider, and returns a function that collects from it. */
export function attachReader(instrumentation: ConnectionInstrumentation): Instrumented['read'] {
  const reader = new ManualReader();
  instrumentation.setMeterProvider(new MeterProvider({ readers: [reader] }));

  return async () => {
    const { resourceMetrics, errors } = await reader.collect();
    expect(errors).toEqual([]);
    const metrics = resourceMetrics.scopeMetrics.flatMap(scope => scope.metrics);
    const readings = new Readings(
      new Map(
        metrics.map(({ descriptor, dataPoints }) => [
          descriptor.name,
          dataPoints.map(({ attributes, value }) =>
            typeof value === 'object' && value !== null && 'count' in value
              ? { attributes, value: (value as Histogram).count, sum: (value as Histogram).sum ?? 0 }
              : { attributes, value: value as number, sum: 0 },
          ),
        ]),
      ),
    );
    expectOpenToMatch(readings);
    return readings;
  };
}

/** At every collection and for every origin, as many connections are open as were opened and not closed. */
function expectOpenToMatch(readings: Readings): void {
  for (const { attributes } of readings.points('connmeter.connection.opened', { 'connmeter.open.cause': 'first' })) {
    const { 'connmeter.open.cause': _cause, 'connmeter.caller': _caller, ...labels } = attributes;
    const origin = { 'server.port': undefined, 'network.protocol.name': undefined, ...labels };
    const open =
      readings.value('http.client.open_connections', origin) + readings.value('connmeter.open_connections', origin);
    const opened = readings.value('connmeter.connection.opened', origin);
    const closed = readings.value('connmeter.connection.closed', origin);
    expect({ ...origin, open }).toEqual({ ...origin, open: opened - closed });
  }
}
