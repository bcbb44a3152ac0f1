// Preload: registers a global MeterProvider, as a program's own OpenTelemetry setup does, and prints how many opened
// connections it received when the program ends.
import { metrics } from '@opentelemetry/api';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { ManualReader } from '../manual-reader.ts';

const reader = new ManualReader();
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));

process.once('beforeExit', async () => {
  const { resourceMetrics } = await reader.collect();
  const opened = resourceMetrics.scopeMetrics
    .flatMap(scope => scope.metrics)
    .find(({ descriptor }) => descriptor.name === 'connmeter.connection.opened');
  metrics.disable(); // as the SDK does when it shuts down
  console.log(`given: ${opened?.dataPoints.reduce((sum, { value }) => sum + Number(value), 0)}`);
});
