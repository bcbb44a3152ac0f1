import type { Guard } from './core/guard.ts';
import { ConnectionInstrumentation } from './instrumentation.ts';
import type { Environment } from './register/environment.ts';
import type { Exposition } from './register/exposition.ts';
import { listenAddress } from './register/port-conflict.ts';
import { isLauncher } from './register/processes/main-script.ts';
import { type Measured, share } from './register/processes/share.ts';
import type { Sharing } from './register/processes/sharing.ts';
import { servePrometheus } from './register/prometheus.ts';
import { startPushing } from './register/push.ts';
import { SharedMemory } from './register/threads/memory.ts';
import { Threads } from './register/threads/threads.ts';
import { offerMemory } from './register/threads/worker-data.ts';
import { exportGuard, hasGlobalMeterProvider, linesAt, optionsOf, startGuard } from './start-common.ts';
import { VERSION } from './version.ts';

let lines = linesAt('info');

/** The active instrumentation. */
let instrumentation: ConnectionInstrumentation | undefined;

/** Undefined if nothing is pushed. */
let pushNow: (() => Promise<void>) | undefined;

/** Undefined if Prometheus is not served. */
let exposition: Exposition | undefined;

/** Starts measuring and exporting. Returns undefined if nothing is measured. Never throws. */
export function start(environment: Environment): ConnectionInstrumentation | undefined {
  lines = linesAt(environment.logLevel);
  startGuard(lines.warn)('start', startMeasuring)(environment);
  return instrumentation;
}

function startMeasuring(environment: Environment): void {
  if (hasGlobalMeterProvider()) {
    instrumentation = new ConnectionInstrumentation(optionsOf(environment));
  } else {
    environment.warnings.forEach(lines.warn);
    if (environment.exporters.length > 0) startExporting(environment);
  }
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
      if ('why' in shared) lines.warn(`each process serves its own metrics, because ${shared.why}`);
    }
    return 'sharing' in shared ? shared.sharing : undefined;
  };
}

function startExporting(environment: Environment): void {
  const measured = new ConnectionInstrumentation(optionsOf(environment));
  instrumentation = measured;
  if (!environment.exporters.includes('console') && !environment.exporters.includes('otlp')) measured.evictUnused();
  const guard = exportGuard(measured, lines.warn);
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
        ...lines,
      },
    );
  }
  if (environment.exporters.some(name => name !== 'prometheus'))
    pushNow = startPushing({ scope, collect: () => threads.collect(true) }, { ...environment, warn: lines.warn });
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
