import { createNoopMeter, metrics } from '@opentelemetry/api';
import { type Guard, guardWith, oncePerPlace, stackOf } from './core/guard.ts';
import { printable } from './core/origins.ts';
import { ConnectionInstrumentation } from './instrumentation.ts';
import type { ConnectionInstrumentationConfig } from './options.ts';
import type { Environment } from './register/environment.ts';
import type { Exposition } from './register/exposition.ts';
import { listenAddress } from './register/port-conflict.ts';
import { isLauncher } from './register/processes/main-script.ts';
import { type Measured, share } from './register/processes/share.ts';
import type { Sharing } from './register/processes/sharing.ts';
import { servePrometheus } from './register/prometheus.ts';
import { startPushing } from './register/push.ts';
import { SharedMemory } from './register/threads/memory.ts';
import { reportToMainThread } from './register/threads/reporting.ts';
import { SharedStorage } from './register/threads/shared-storage.ts';
import { Threads } from './register/threads/threads.ts';
import { isMainThread, offeredMemory, offerMemory, parentOf, threadId } from './register/threads/worker-data.ts';
import { VERSION } from './version.ts';

const { writeSync } = process.getBuiltinModule('node:fs');

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
  } else if (!isMainThread) {
    if (environment.exporters.length > 0) reportFromThread(environment);
  } else {
    environment.warnings.forEach(warn);
    if (environment.exporters.length > 0) startExporting(environment);
  }
}

/** A thread opens no port and pushes nothing: its numbers are in memory that it shares with the main thread. */
function reportFromThread(environment: Environment): void {
  const memory = offeredMemory(VERSION);
  const entry = memory?.join(threadId, parentOf());
  if (memory === undefined || entry === undefined) {
    warn(`a worker thread is not measured: ${memory === undefined ? 'its main thread is not' : 'there are too many'}`);
    return;
  }
  const storage = new SharedStorage(memory, entry, () =>
    warn('the numbers of a worker thread are not complete: there is no room for more of them'),
  );
  const measured = new ConnectionInstrumentation(optionsOf(environment), storage);
  instrumentation = measured;
  const guard = exportGuard(measured);
  reportToMainThread({ memory, entry, storage, read: () => measured.read(), guard });
}

/** Faults of the parts that export: each is counted, and the first one of each place is printed. */
function exportGuard(measured: ConnectionInstrumentation): Guard {
  const warnOnce = oncePerPlace((where, error) =>
    warn(`could not ${where}; the program is not affected: ${stackOf(error)}`),
  );
  return guardWith((where, error) => {
    measured.countFault('exposition');
    warnOnce(where, error);
  });
}

/** Without a fixed port, or on Windows, each process serves its own metrics. */
function canShare({ share, port }: Environment): boolean {
  return share && port !== 0 && process.platform !== 'win32';
}

/** Made when it is first needed, because it reads files. */
function sharingOf(environment: Environment, measured: Measured, guard: Guard): () => Sharing | undefined {
  let shared: ReturnType<typeof share> | undefined;
  return () => {
    if (!canShare(environment)) return undefined;
    if (shared === undefined) {
      shared = share(listenAddress(environment), environment, measured, guard);
      if ('why' in shared) warn(`each process serves its own metrics, because ${shared.why}`);
    }
    return 'sharing' in shared ? shared.sharing : undefined;
  };
}

function startExporting(environment: Environment): void {
  const measured = new ConnectionInstrumentation(optionsOf(environment));
  instrumentation = measured;
  if (!environment.exporters.includes('console') && !environment.exporters.includes('otlp')) measured.evictUnused();
  const guard = exportGuard(measured);
  const memory = SharedMemory.create();
  offerMemory(memory, VERSION);
  const threads = new Threads({ memory, read: () => measured.read(), maxOrigins: environment.maxOrigins, guard });
  const scope = { name: 'connmeter', version: VERSION };
  if (environment.exporters.includes('prometheus')) {
    const ofProcess: Measured = {
      read: () => threads.read(),
      refresh: () => threads.refresh(),
      ignoreServer: server => measured.ignoreServer(server),
      openUnmeasured: open => measured.openUnmeasured(open),
    };
    exposition = servePrometheus(
      { scope, collect: () => threads.collect() },
      {
        ...environment,
        sharing: sharingOf(environment, ofProcess, guard),
        ignoreServer: (server, host) => measured.ignoreServer(server, host),
        atEventInThread: begin => threads.atFirstEvent(begin),
        isLauncher: () => isLauncher(process.argv[1], process.env),
        countFault: () => measured.countFault('exposition'),
        warn,
        info,
      },
    );
  }
  if (environment.exporters.some(name => name !== 'prometheus'))
    pushNow = startPushing({ scope, collect: () => threads.collect(true) }, { ...environment, warn });
}

/** The text of `/metrics`. */
export async function metricsText(): Promise<string> {
  if (exposition === undefined) return '';

  const { plain } = await exposition.read();
  return String(plain);
}

/** Sends what the exporters that push have not sent yet. Resolves when they have, or have failed. */
export async function flush(): Promise<void> {
  await pushNow?.();
}

function optionsOf(environment: Environment): ConnectionInstrumentationConfig {
  const { readUndiciInternals, maxOrigins, originName } = environment;
  return { readUndiciInternals, maxOrigins, ...(originName && { originName }) };
}

/** Without a registered provider, the API returns its no-op meter. */
function hasGlobalMeterProvider(): boolean {
  return metrics.getMeterProvider().getMeter('connmeter') !== createNoopMeter();
}
