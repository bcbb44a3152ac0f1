import { createNoopMeter, metrics } from '@opentelemetry/api';
import { guardWith, oncePerPlace, stackOf } from './core/guard.ts';
import { printable } from './core/origins.ts';
import { ConnectionInstrumentation } from './instrumentation.ts';
import type { ConnectionInstrumentationConfig } from './options.ts';
import type { Environment } from './register/environment.ts';
import type { Exposition } from './register/exposition.ts';
import { atFirstEvent } from './register/first-event.ts';
import { listenAddress } from './register/port-conflict.ts';
import { isLauncher } from './register/processes/main-script.ts';
import { type Main, mainOf, share } from './register/processes/share.ts';
import type { Sharing } from './register/processes/sharing.ts';
import type { Source } from './register/producer.ts';
import { servePrometheus } from './register/prometheus.ts';
import { startPushing } from './register/push.ts';
import { VERSION } from './version.ts';

const { writeSync } = process.getBuiltinModule('node:fs');
const { getEnvironmentData, isMainThread, setEnvironmentData } = process.getBuiltinModule('node:worker_threads');

/** The key of data shared with all worker threads: whether one of them has already warned that they are not measured. */
const WORKER_WARNING_PRINTED = 'connmeter.workerWarningPrinted';
/** The key of what threads need to know about their process. */
const MAIN = 'connmeter.main';
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

/** Undefined if nothing is pushed. */
let pushNow: (() => Promise<void>) | undefined;

/** Undefined if Prometheus is not served. */
let exposition: Exposition | undefined;

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
    setEnvironmentData(MAIN, mainOf(process));
    environment.warnings.forEach(warn);
    if (environment.exporters.length > 0) startExporting(environment);
  } else if (environment.exporters.includes('prometheus') && canShare(environment)) {
    reportFromThread(environment);
  } else if (environment.exporters.length > 0 && isFirstWorkerToWarn()) {
    warn('worker threads are not measured; the metrics cover the main thread only');
  }
}

/** A thread opens no port: it hands its numbers to the process that serves them. */
function reportFromThread(environment: Environment): void {
  const measured = new ConnectionInstrumentation(optionsOf(environment));
  instrumentation = measured;
  const sharing = sharingOf(environment, measured);
  atFirstEvent(guard, () => sharing()?.join());
}

/** Without a fixed port, or on Windows, each process serves its own metrics. */
function canShare({ share, port }: Environment): boolean {
  return share && port !== 0 && process.platform !== 'win32';
}

/** Made when it is first needed, because it reads files. */
function sharingOf(environment: Environment, measured: ConnectionInstrumentation): () => Sharing | undefined {
  let shared: ReturnType<typeof share> | undefined;
  const warnOnce = oncePerPlace((where, error) =>
    warn(`could not ${where}; the program is not affected: ${stackOf(error)}`),
  );
  const guard = guardWith((where, error) => {
    measured.countFault('exposition');
    warnOnce(where, error);
  });
  return () => {
    if (!canShare(environment)) return undefined;
    if (shared === undefined) {
      const main = (getEnvironmentData(MAIN) as Main | undefined) ?? mainOf(process);
      shared = share(listenAddress(environment), environment, main, measured, guard);
      if ('why' in shared) warn(`each process serves its own metrics, because ${shared.why}`);
    }
    return 'sharing' in shared ? shared.sharing : undefined;
  };
}

function startExporting(environment: Environment): void {
  const measured = new ConnectionInstrumentation(optionsOf(environment));
  instrumentation = measured;
  if (!environment.exporters.includes('console') && !environment.exporters.includes('otlp')) measured.evictUnused();
  const source: Source = { scope: { name: 'connmeter', version: VERSION }, read: () => measured.read() };
  if (environment.exporters.includes('prometheus')) {
    exposition = servePrometheus(source, {
      ...environment,
      sharing: sharingOf(environment, measured),
      ignoreServer: (server, host) => measured.ignoreServer(server, host),
      isLauncher: () => isLauncher(process.argv[1], process.env),
      countFault: () => measured.countFault('exposition'),
      warn,
      info,
    });
  }
  if (environment.exporters.some(name => name !== 'prometheus'))
    pushNow = startPushing(source, { ...environment, warn });
}

/** The text of `/metrics`. */
export async function metricsText(): Promise<string> {
  if (exposition === undefined) return '';

  const { plain } = await exposition.read();
  return plain.map(String).join('');
}

/** Sends what the exporters that push have not sent yet. Resolves when they have, or have failed. */
export async function flush(): Promise<void> {
  await pushNow?.();
}

function optionsOf(environment: Environment): ConnectionInstrumentationConfig {
  const { readUndiciInternals, maxOrigins, detail, originName } = environment;
  return { readUndiciInternals, maxOrigins, detail, ...(originName && { originName }) };
}

/** Without a registered provider, the API returns its no-op meter. */
function hasGlobalMeterProvider(): boolean {
  return metrics.getMeterProvider().getMeter('connmeter') !== createNoopMeter();
}

function isFirstWorkerToWarn(): boolean {
  const printed = getEnvironmentData(WORKER_WARNING_PRINTED);
  return !(printed instanceof SharedArrayBuffer) || Atomics.exchange(new Int32Array(printed), 0, 1) === 0;
}
