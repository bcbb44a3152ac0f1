import type { Guard } from './core/guard.ts';
import { type Details, makeOverview } from './explain/make-overview.ts';
import { type Copy, earlierCopy } from './first-copy.ts';
import { ConnectionInstrumentation } from './instrumentation.ts';
import { ShownMetrics } from './metrics/detail.ts';
import type { Reading } from './metrics/table.ts';
import { isLoopbackHost } from './register/allowed-hosts.ts';
import { type Environment, readEnvironment, type Variables } from './register/environment.ts';
import type { Exposition } from './register/exposition.ts';
import { listenAddress } from './register/port-conflict.ts';
import { isLauncher } from './register/processes/main-script.ts';
import { type Measured, share } from './register/processes/share.ts';
import type { Sharing } from './register/processes/sharing.ts';
import { servePrometheus } from './register/prometheus.ts';
import { startPushing } from './register/push.ts';
import { startReports } from './register/reports/reports.ts';
import { SharedMemory } from './register/threads/memory.ts';
import { Threads } from './register/threads/threads.ts';
import { offerMemory } from './register/threads/worker-data.ts';
import {
  exportGuard,
  hasGlobalMeterProvider,
  linesAt,
  optionsOf,
  startGuard,
  writeLater,
  writeNow,
} from './start-common.ts';
import { VERSION } from './version.ts';

let lines = linesAt('info');

/** The active instrumentation. */
let instrumentation: ConnectionInstrumentation | undefined;

/** Undefined if nothing is pushed. */
let pushNow: (() => Promise<void>) | undefined;

/** Undefined if Prometheus is not served. */
let exposition: Exposition | undefined;

const own: Copy = {
  get instrumentation() {
    return instrumentation;
  },
  async metricsText() {
    if (exposition === undefined) return '';

    const { plain } = await exposition.read();
    return plain.map(String).join('');
  },
  async flush() {
    await pushNow?.();
  },
};

let copy = own;

/** Starts measuring and exporting. Returns undefined if nothing is measured. Never throws. */
export function start(variables: Variables): ConnectionInstrumentation | undefined {
  const environment = readEnvironment(variables);
  lines = linesAt(environment.logLevel);
  const guard = startGuard(lines.warn);
  guard('start', () => {
    const earlier = earlierCopy(own, guard);
    if (earlier === undefined) startMeasuring(environment);
    else copy = earlier;
  })();
  return copy.instrumentation;
}

function startMeasuring(environment: Environment): void {
  if (hasGlobalMeterProvider()) {
    const measured = new ConnectionInstrumentation(optionsOf(environment));
    instrumentation = measured;
    const read = () => measured.read();
    reportOn(measured, { read, collect: async () => read() }, environment, exportGuard(measured, lines.warn));
  } else {
    environment.warnings.forEach(lines.warn);
    if (environment.exporters.length > 0 || environment.reportFolder !== undefined) startExporting(environment);
  }
}

/** The numbers of this process and its threads. */
interface Readable {
  /** Only at the end of the process: threads that have not said what they have counted are taken for blocked. */
  readonly read: () => readonly Reading[];
  readonly collect: () => Promise<readonly Reading[]>;
}

/** Says on stderr, or to the command, what wastes connections. */
function reportOn(
  measured: ConnectionInstrumentation,
  { read, collect }: Readable,
  environment: Environment,
  guard: Guard,
): void {
  const { exporters, host, log, logLevel, port, report, reportFolder: folder } = environment;
  const isServed = exporters.includes('prometheus') && port !== 0 && hasPage(environment);
  startReports({
    overview: async () => makeOverview(await collect(), [detailsOf(measured)], Date.now()),
    lastOverview: () => makeOverview(read(), [detailsOf(measured)], Date.now()),
    log: logLevel === 'none' || folder !== undefined ? 'none' : log,
    where: isServed ? `See http://${host}:${port}/` : `See it with: npx connmeter top ${process.pid}`,
    report,
    folder,
    print: writeLater,
    printNow: logLevel === 'none' ? () => {} : writeNow,
    guard,
  });
}

/** By default only for this machine: whoever can reach the port would see host names and lines of the program. */
function hasPage({ host, page }: Environment): boolean {
  return page ?? isLoopbackHost(host);
}

function detailsOf(measured: ConnectionInstrumentation): Details {
  const { live, closed, callSites, advice } = measured.connections.snapshot();
  return { live, closed, callSites, advice };
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
  const isShort = environment.reportFolder !== undefined;
  const measured = new ConnectionInstrumentation(optionsOf(environment), { isShort });
  instrumentation = measured;
  if (!environment.exporters.includes('console') && !environment.exporters.includes('otlp')) measured.evictUnused();
  const guard = exportGuard(measured, lines.warn);
  const memory = SharedMemory.create();
  offerMemory(memory, VERSION);
  const threads = new Threads({
    memory,
    read: () => measured.read(),
    shown: new ShownMetrics(environment.detail),
    maxOrigins: environment.maxOrigins,
    guard,
  });
  const ofThreads: Readable = { read: () => threads.read(), collect: () => threads.collect() };
  reportOn(measured, ofThreads, environment, guard);
  const scope = { name: 'connmeter', version: VERSION };
  if (environment.exporters.includes('prometheus')) {
    const ofProcess: Measured = {
      read: () => threads.read(),
      refresh: () => threads.refresh(),
      details: () => detailsOf(measured),
      ignoreServer: server => measured.ignoreServer(server),
      openUnmeasured: open => measured.openUnmeasured(open),
    };
    const sharing = sharingOf(environment, ofProcess, guard);
    const overview = async () =>
      (await sharing()?.overview()) ?? makeOverview(await threads.collect(), [detailsOf(measured)], Date.now());
    exposition = servePrometheus(
      { scope, collect: () => threads.collect() },
      {
        ...environment,
        sharing,
        overview: hasPage(environment) ? overview : undefined,
        ignoreServer: (server, host) => measured.ignoreServer(server, host),
        atEventInThread: begin => threads.atFirstEvent(begin),
        isLauncher: () => isLauncher(process.argv[1], process.env),
        countFault: () => measured.countFault('exposition'),
        ...lines,
      },
    );
  }
  if (environment.exporters.some(name => name !== 'prometheus')) {
    // A MeterProvider that is registered later sends the metrics itself. Both would send each of them twice.
    const collect = async () => (measured.hadProvider() ? [] : threads.collect(true));
    pushNow = startPushing({ scope, collect }, { ...environment, warn: lines.warn });
  }
}

/** The text of `/metrics`. */
export function metricsText(): Promise<string> {
  return copy.metricsText();
}

/** Sends what the exporters that push have not sent yet. Resolves when they have, or have failed. */
export function flush(): Promise<void> {
  return copy.flush();
}
