import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { type Detail, ShownMetrics } from '../../src/metrics/detail.ts';
import { createInstruments } from '../../src/metrics/instruments.ts';
import type { Recorder } from '../../src/metrics/recorder.ts';
import { MetricRegistry } from '../../src/metrics/registry.ts';
import { METRICS } from '../../src/metrics/table.ts';
import { ManualReader } from './manual-reader.ts';

/** A registry that is read in both ways: by instruments of the SDK, and directly. */
export function bothOutlets(version: string, detail: Detail = 'full') {
  const registry = new MetricRegistry(1000);
  const reader = new ManualReader();
  const meter = new MeterProvider({ readers: [reader] }).getMeter('connmeter', version);
  const shown = new ShownMetrics(detail);
  const instruments = createInstruments(meter, registry, shown, () => {});
  instruments.start();
  const record: Recorder = (metric, value, attributes, times) => {
    registry.histograms.record(metric, value, attributes, times);
    instruments.record(metric, value, attributes, times);
  };
  return { registry, shown, record, collect: async () => (await reader.collect()).resourceMetrics };
}

/** Gives every metric a few series, with these texts as names and values of all sizes. */
export function fill({ registry, record }: ReturnType<typeof bothOutlets>, names: readonly string[]): void {
  const values = [0, 1, 0.001, 1e21, 1.5e-7, 2 ** 53, Number.POSITIVE_INFINITY];
  let next = 0;
  const value = () => values[next++ % values.length] as number;
  for (const [index, address] of names.entries()) {
    for (const http of [true, false]) {
      const origin = registry.originCounts({ address, port: index === 0 ? undefined : 80 + index }, http);
      origin.attempt('ipv4', 'ok');
      origin.initialiseFailures('connect');
      origin.failure('tls', address);
      origin.closed('server_idle_close');
      origin.opened('replaced', 'keep_alive_off').value = value();
      for (const count of [...origin.allOpened, ...origin.failures, ...origin.attempts, origin.wastedSetup])
        count.value += value();
      const inUse = origin.inUse('1.1');
      inUse.idle.value = 3;
      record('http.client.connection.duration', value(), inUse.requests.attributes);
      record('connmeter.connection.requests', 2, origin.attributes);
      record('http.client.request.time_in_queue', value(), origin.attributes, 3);
      origin.mostConnections.value = 50;
      origin.streams.most.value = value();
      origin.streams.limit.value = 100;
      origin.goaway('ENHANCE_YOUR_CALM').value = value();
      origin.by('checkout').opened('pool_busy', undefined).value = value();
      origin.by('checkout').requests.reused.value = value();
      record('http.client.request.time_in_queue', value(), origin.by('checkout').attributes);
      record('connmeter.connect.duration', value() / 7, origin.attributes);
      record('connmeter.tls.handshake.duration', 0.01, origin.handshake({ version: '1.3', resumed: index > 1 }));
      record('connmeter.connection.idle_time', value(), origin.idleTime('reused'));
      for (let i = 0; i < 20; i++) origin.idleLimit.add(5.125);
      const listener = registry.listenerCounts({ address, port: 8080 + index }, http);
      listener.inUse('2');
      record('connmeter.server.connection.duration', value(), listener.attributes);
      record('connmeter.server.connection.requests', value(), listener.attributes);
      record('connmeter.server.connection.idle_time', value(), listener.servedIdleTime('server', index > 1));
      record('connmeter.server.tls.handshake.duration', value(), listener.failedHandshake(address));
    }
    registry.pendingTo({ address, port: 1 }).in('dns').value = 1;
    record('dns.lookup.duration', value(), registry.lookupAttributes(address, 'lookup'));
    record('dns.lookup.duration', value(), registry.failedLookupAttributes(address, 'ENOTFOUND'));
  }
  registry.ports = { timeWait: 1, inUse: 2, range: 3 };
  registry.aborts = { unread: 4, late: 5 };
  registry.threadPoolDelay = 0.000_25;
}

/** The metrics of {@link fill}: all. */
export const FILLED = METRICS.map(({ name }) => name);
