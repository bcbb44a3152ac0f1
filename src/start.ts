import { createNoopMeter, metrics } from '@opentelemetry/api';
import { guardWith } from './core/guard.ts';
import { printable } from './core/origins.ts';
import { ConnectionInstrumentation } from './instrumentation.ts';
import type { ConnectionInstrumentationConfig } from './options.ts';
import type { Environment } from './register/environment.ts';
import { consoleReader, prometheusReader } from './register/readers.ts';
import { loadSdk } from './register/sdk.ts';

const { writeSync } = process.getBuiltinModule('node:fs');
const { getEnvironmentData, isMainThread, setEnvironmentData } = process.getBuiltinModule('node:worker_threads');

/** The key of data shared with all worker threads: whether one of them has already warned that they are not measured. */
const WORKER_WARNING_PRINTED = 'connmeter.workerWarningPrinted';
const MAX_LINE_LENGTH = 1_000;

let logLevel: Environment['logLevel'] = 'info';

/** Writes to the descriptor, not to `process.stderr`: an error of that stream, such as a closed pipe, would end the program. */
const write = guardWith(() => {})(
  'write',
  (line: string) => void writeSync(2, `connmeter: ${printable(line.slice(0, MAX_LINE_LENGTH))}\n`),
);
const warn = (line: string) => {
  if (logLevel !== 'none') write(line);
};
const info = (line: string) => {
  if (logLevel === 'info') write(line);
};
const guard = guardWith((where, error) => warn(`could not ${where}, so nothing is measured: ${error}`));

/** The active instrumentation. */
let instrumentation: ConnectionInstrumentation | undefined;

/** Starts measuring and exporting. Returns undefined if nothing is measured. Never throws. */
export function start(environment: Environment): ConnectionInstrumentation | undefined {
  logLevel = environment.logLevel;
  guard('start', startMeasuring)(environment);
  return instrumentation;
}

function startMeasuring(environment: Environment): void {
  if (hasGlobalMeterProvider()) {
    instrumentation = new ConnectionInstrumentation(optionsOf(environment));
  } else if (isMainThread) {
    setEnvironmentData(WORKER_WARNING_PRINTED, new SharedArrayBuffer(4));
    environment.warnings.forEach(warn);
    if (environment.exporters.length > 0) startExporting(environment);
  } else if (environment.exporters.length > 0 && isFirstWorkerToWarn()) {
    warn('worker threads are not measured; the metrics cover the main thread only');
  }
}

function startExporting(environment: Environment): void {
  const sdk = loadSdk();
  const readers = environment.exporters.map(name =>
    name === 'prometheus'
      ? prometheusReader(sdk, {
          ...environment,
          ignoreServer: (server, host) => instrumentation?.ignoreServer(server, host),
          countFault: () => instrumentation?.countFault('exposition'),
          warn,
          info,
        })
      : consoleReader(sdk, environment),
  );
  const { defaultResource, detectResources, envDetector } = sdk.resources;
  const resource = defaultResource().merge(detectResources({ detectors: [envDetector] }));
  instrumentation = new ConnectionInstrumentation(optionsOf(environment));
  instrumentation.setMeterProvider(new sdk.metrics.MeterProvider({ resource, readers }));
}

function optionsOf({ readUndiciInternals }: Environment): ConnectionInstrumentationConfig {
  return { readUndiciInternals };
}

/** Without a registered provider, the API returns its no-op meter. */
function hasGlobalMeterProvider(): boolean {
  return metrics.getMeterProvider().getMeter('connmeter') !== createNoopMeter();
}

function isFirstWorkerToWarn(): boolean {
  const printed = getEnvironmentData(WORKER_WARNING_PRINTED);
  return !(printed instanceof SharedArrayBuffer) || Atomics.exchange(new Int32Array(printed), 0, 1) === 0;
}
