import type { Meter, MeterProvider, TracerProvider } from '@opentelemetry/api';
import { CallSites } from './client/attribution/call-sites.ts';
import { clientOf } from './client/attribution/pool-identity.ts';
import type { RequestLines } from './client/attribution/request-lines.ts';
import { type ConnectionTracer, guardedTracer } from './client/connection-tracer.ts';
import { Connections } from './client/connections.ts';
import type { InProgress } from './client/in-progress.ts';
import { httpSource } from './client/sources/http.ts';
import { http2Source } from './client/sources/http2.ts';
import { netSource } from './client/sources/net.ts';
import { undiciSource } from './client/sources/undici.ts';
import { publish, subscribeAll, unless } from './core/channels.ts';
import { type Guard, guardWith, oncePerPlace, stackOf } from './core/guard.ts';
import { OriginNames } from './core/origin-names.ts';
import { type Detail, ShownMetrics } from './metrics/detail.ts';
import type { FaultPlace } from './metrics/faults.ts';
import { createInstruments, type Instruments } from './metrics/instruments.ts';
import { type LookupObserver, observeLookups } from './metrics/lookup-observer.ts';
import { Lookups } from './metrics/lookups.ts';
import { readLookups } from './metrics/read-lookups.ts';
import { readAborts, readPorts } from './metrics/read-ports.ts';
import type { Recorder } from './metrics/recorder.ts';
import { MetricRegistry } from './metrics/registry.ts';
import { warningOfSdkLimit } from './metrics/sdk-limit.ts';
import type { Storage } from './metrics/storage.ts';
import type { Reading } from './metrics/table.ts';
import { ThreadPoolCanary } from './metrics/threadpool-canary.ts';
import { type ConnectionInstrumentationConfig, checkedOptions } from './options.ts';
import { apiIfUsed, isNoop, loadedApi } from './otel-api.ts';
import { Servers } from './server/servers.ts';
import { serverSource } from './server/source.ts';
import type { Snapshot } from './snapshot.ts';
import { SetupSpans } from './tracing/setup-spans.ts';
import { VERSION } from './version.ts';

const NAME = 'connmeter';

/** On this channel, instrumentations of this process learn of each other: also those of another copy of the package. */
const PROVIDER_CHANNEL = 'connmeter:provider';

/** On this channel, an instrumentation says that it opens a socket of its own, which no other one of this process counts. */
const OWN_SOCKET_CHANNEL = 'connmeter:own-socket';

/** What only connmeter itself may choose. */
interface Internals {
  /** Where the numbers are kept. */
  readonly storage?: Storage | undefined;
  /** Takes the line of every request, for tests of the program. Such an instrumentation exports nothing and logs no lines. */
  readonly lines?: RequestLines | undefined;
  /** The program may end soon, so its lines are looked for from the first request on. */
  readonly isShort?: boolean;
}

/** Asks whether an instrumentation measures for this provider already. Two would count everything twice. */
interface ProviderQuestion {
  readonly provider: MeterProvider;
  isTaken: boolean;
}

// Kept, because tests of the program may replace them with fake timers: the global clock maybe before this file is loaded.
const { performance } = process.getBuiltinModule('node:perf_hooks');
const monotonic = performance.now.bind(performance);
const settled = Promise.resolve();
const { setImmediate, setTimeout } = globalThis;

/**
 * Measures the connections of this process and creates OpenTelemetry metrics: DNS lookups, connects, TLS handshakes, requests
 * and closes of client connections per origin, and of accepted connections per listener. It only subscribes to diagnostics
 * channels and socket events, and patches nothing.
 *
 * Implements the `Instrumentation` interface of `@opentelemetry/instrumentation`, so it works with `registerInstrumentations`
 * and `NodeSDK`. Otherwise it uses the MeterProvider that is global when it is created. Starts at once, unless the option
 * `enabled` is false. docs/metrics.md describes all metrics.
 *
 * @example
 * registerInstrumentations({ instrumentations: [new ConnectionInstrumentation({ maxOrigins: 200 })] });
 *
 * @throws RangeError if an option is invalid. No method throws anything else.
 */
export class ConnectionInstrumentation {
  readonly instrumentationName: string = NAME;
  readonly instrumentationVersion: string = VERSION;

  #config: ConnectionInstrumentationConfig;
  readonly #registry: MetricRegistry;
  readonly #detail: Detail;
  readonly #shown: ShownMetrics;
  readonly #connections: Connections;
  readonly #servers: Servers;
  readonly #lookups: Lookups;
  readonly #callSites: CallSites;
  readonly #warnOnce = oncePerPlace((where, error) =>
    warn(`internal error in ${where}; the program is not affected`, stackOf(error)),
  );
  #hasWarnedOfSdkLimit = false;
  #opensOwnSocket = false;
  #followsGlobal: boolean;
  #provider: MeterProvider | undefined;
  #instruments: Instruments | undefined;
  #hadProvider = false;
  #tracerProvider: TracerProvider | undefined;
  readonly #allInstruments = new WeakMap<MeterProvider, Instruments>();
  readonly #refreshSteps: readonly (() => void)[];
  #lookupObserver: LookupObserver | undefined;
  #unsubscribe: (() => void) | undefined;

  /**
   * `snapshot()` returns the current counts of all origins, the open connections, the last closed ones, those that servers of the
   * process accepted, and the lines of the program that waste connections. Plain data of bounded size.
   */
  readonly connections: { snapshot(): Snapshot } = {
    snapshot: () => ({ ...this.#connections.snapshot(), served: this.#servers.snapshot() }),
  };

  constructor(config?: ConnectionInstrumentationConfig);
  /** @internal */
  constructor(config: ConnectionInstrumentationConfig, internals: Internals);
  constructor(config: ConnectionInstrumentationConfig = {}, { storage, lines, isShort = false }: Internals = {}) {
    const options = checkedOptions(config);
    this.#config = { ...config, ...options };
    const names = new OriginNames(options.originName, error => {
      this.#registry.faults.count('net');
      this.#warnOnce('originName', error);
    });
    const nameOf = (address: string) => names.of(address);
    this.#registry = new MetricRegistry(options.maxOrigins, nameOf, storage);
    this.#detail = options.detail;
    this.#shown = new ShownMetrics(options.detail);

    const record: Recorder = (metric, value, attributes, times) => {
      if (!this.#shown.has(metric)) return;

      this.#registry.histograms.record(metric, value, attributes, times);
      this.#instruments?.record(metric, value, attributes, times);
    };
    this.#lookups = new Lookups(this.#registry, record);
    const warnOfLine = lines === undefined ? warn : () => {};
    this.#callSites = new CallSites(options.callSites, warnOfLine, nameOf, { lines, isShort });
    this.#followsGlobal = lines === undefined;
    const now = () => monotonic() / 1000;
    const guard = this.#guard('collection');
    const inNextLoop = (place: FaultPlace) => (run: () => void) => {
      const next = this.#guard(place)('next loop', run);
      // In a domain, Node would warn (DEP0097) about an immediate.
      (isInDomain() ? setTimeout(next, 1) : setImmediate(next)).unref();
    };
    this.#servers = new Servers({ registry: this.#registry, record, now, guard, inNextLoop: inNextLoop('server') });
    this.#connections = new Connections({
      tracer: options.traces ? this.#tracer(nameOf) : undefined,
      callSites: this.#callSites,
      registry: this.#registry,
      lookups: this.#lookups,
      record,
      nameOf,
      now,
      guard,
      inNextLoop: inNextLoop('http2'),
      asMicrotask: run => {
        const end = this.#guard('net')('end of turn', run);
        return () => void settled.then(end);
      },
    });

    const canary = new ThreadPoolCanary(guard, now);
    this.#refreshSteps = [
      guard('lookups', () => this.#lookupObserver?.flush()),
      guard('client connections', () => this.#connections.refreshGauges()),
      guard('lookups in the thread pool', () => {
        this.#registry.lookupsInThreadPool = readLookups(this.#connections.liveCount + this.#servers.liveCount);
      }),
      guard('thread pool', () => {
        this.#registry.threadPoolDelay = canary.delay;
        canary.send();
      }),
      guard('server connections', () => this.#servers.refreshGauges()),
      guard('ports', () => {
        this.#registry.ports = readPorts();
        this.#registry.aborts = readAborts();
      }),
    ];

    this.#followGlobalProvider();
    if (options.enabled) this.enable();
  }

  #tracer(nameOf: (address: string) => string): ConnectionTracer | undefined {
    const api = loadedApi();
    if (api === undefined) return undefined;

    const tracer = () => (this.#tracerProvider ?? api.trace).getTracer(NAME, VERSION);
    return guardedTracer(new SetupSpans(api, tracer, nameOf), this.#guard('traces'));
  }

  /** Starts measuring. Connections that are already open are not counted, but their requests are. */
  enable(): void {
    this.#lookupObserver ??= observeLookups(this.#lookups, this.#guard('dns'));
    this.#unsubscribe ??= this.#subscribe();
    this.#servers.resume();
  }

  #subscribe(): () => void {
    const [net, http] = [this.#guard('net'), this.#guard('http')];
    const [http2, server] = [this.#guard('http2'), this.#guard('server')];
    const undici = this.#guard('undici');
    const readClient = this.#config.readUndiciInternals ? clientOf : undefined;
    const follow = () => this.#followGlobalProvider();
    const stops = [
      subscribeAll(this.#guard('collection'), {
        'net.client.socket': follow,
        'tracing:net.server.listen:asyncEnd': follow,
        [OWN_SOCKET_CHANNEL]: ({ isOpening }: { isOpening: boolean }) => {
          this.#opensOwnSocket = isOpening;
        },
        [PROVIDER_CHANNEL]: (question: ProviderQuestion) => {
          if (question.provider === this.#provider && this.#instruments !== undefined) question.isTaken = true;
        },
      }),
      subscribeAll(
        net,
        unless(() => this.#opensOwnSocket, netSource(this.#connections, net)),
      ),
      subscribeAll(undici, undiciSource(this.#connections, this.#callSites, readClient, undici)),
      subscribeAll(http, httpSource(this.#connections, this.#callSites, http)),
      subscribeAll(http2, http2Source(this.#connections, http2)),
      subscribeAll(server, this.#config.servers ? serverSource(this.#servers, server) : {}),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** Catches connmeter's own errors in one part. Each is counted, and the first one of each place is logged. */
  #guard(place: FaultPlace): Guard {
    return guardWith((where, error) => {
      this.#registry.faults.count(place);
      this.#warnOnce(where, error);
    });
  }

  /** Stops measuring. Connections that were counted as opened are still counted as closed when they close. */
  disable(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#lookupObserver?.stop();
    this.#lookupObserver = undefined;
    this.#callSites.pause();
    this.#connections.pause();
    this.#servers.pause();
  }

  /** @internal Excludes a server that is not the program's own, and the next lookup of its host. */
  ignoreServer(server: object, host?: string): void {
    this.#servers.ignore(server);
    if (host !== undefined) this.#lookups.ignoreNext(host);
  }

  /** @internal Only `read()` reads the numbers: origins may come and go. */
  evictUnused(): void {
    this.#registry.evictUnused(true);
  }

  /** @internal Opens a socket that is not measured. */
  openUnmeasured<Opened>(open: () => Opened): Opened {
    publish(OWN_SOCKET_CHANNEL, { isOpening: true });
    try {
      return open();
    } finally {
      publish(OWN_SOCKET_CHANNEL, { isOpening: false });
    }
  }

  /** @internal What is not over yet. */
  inProgress(): InProgress {
    return this.#connections.inProgress();
  }

  /** @internal Counts everything that has happened, open sockets without HTTP included, as a collection does. */
  countAll(): void {
    this.#guard('collection')('client connections', () => this.#connections.refreshGauges())();
  }

  /** @internal Counts an error of the parts that serve the metrics. */
  countFault(place: FaultPlace): void {
    this.#registry.faults.count(place);
  }

  /** @internal Whether a MeterProvider exports the metrics, or did until it was shut down. */
  hadProvider(): boolean {
    this.#followGlobalProvider();
    return this.#hadProvider;
  }

  /** @internal All numbers, as of now. The arrays are copied, the numbers are not: they change with the next event. */
  read(): Reading[] {
    this.#followGlobalProvider();
    this.#refresh();
    return this.#shown.readAll(this.#registry);
  }

  /**
   * Sets the provider of all instruments. The SDK calls this, possibly several times. Without it, the global provider is used,
   * also if it is registered later.
   */
  setMeterProvider(provider: MeterProvider): void {
    this.#followsGlobal = provider === loadedApi()?.metrics.getMeterProvider();
    this.#use(provider);
  }

  #followGlobalProvider(): void {
    const api = this.#followsGlobal ? apiIfUsed() : undefined;
    if (api !== undefined) this.#use(api.metrics.getMeterProvider());
  }

  #use(provider: MeterProvider): void {
    if (provider === this.#provider) return;

    this.#provider = provider;
    this.#instruments?.stop();
    this.#instruments = undefined;
    const meter = provider.getMeter(NAME, VERSION);
    if (isNoop(meter)) return; // none is registered yet

    const question: ProviderQuestion = { provider, isTaken: false };
    publish(PROVIDER_CHANNEL, question);
    if (question.isTaken) {
      warn('another instrumentation already measures this process for the same MeterProvider; this one adds nothing');
      return;
    }
    this.#warnOfSdkLimit();
    this.#registry.evictUnused(false);
    this.#hadProvider = true;
    this.#instruments = this.#instrumentsOf(provider, meter);
    this.#instruments.start();
  }

  /** Once, because a program may set several providers. */
  #warnOfSdkLimit(): void {
    const warning = warningOfSdkLimit(this.#registry.limit, this.#detail);
    if (warning === undefined || this.#hasWarnedOfSdkLimit) return;

    this.#hasWarnedOfSdkLimit = true;
    warn(warning);
  }

  /** Those of a provider that comes back go on where they were: it has their values already. */
  #instrumentsOf(provider: MeterProvider, meter: Meter): Instruments {
    let instruments = this.#allInstruments.get(provider);
    if (instruments === undefined) {
      instruments = createInstruments(meter, this.#registry, this.#shown, () => this.#refresh());
      this.#allInstruments.set(provider, instruments);
    }
    return instruments;
  }

  /** Updates what is not counted with each event. If one step fails, the others still run. */
  #refresh(): void {
    for (const step of this.#refreshSteps) step();
    this.#registry.collected(monotonic() / 1000);
  }

  /** Sets the provider of the spans, if the option `traces` is true. Without it, the global one is used. */
  setTracerProvider(provider: TracerProvider): void {
    this.#tracerProvider = provider;
  }

  /** Changes the options. `maxOrigins` applies to origins not seen yet, `servers` to the next `enable()`; `originName`, `detail` and `traces` stay. */
  setConfig(config: ConnectionInstrumentationConfig = {}): void {
    const options = checkedOptions(config);
    this.#config = { ...config, ...options };
    this.#registry.limit = options.maxOrigins;
    if (this.#instruments !== undefined) this.#warnOfSdkLimit();
  }

  /** The current options, with defaults. */
  getConfig(): ConnectionInstrumentationConfig {
    return this.#config;
  }
}

/** To the logger of the program, if it has set one. */
function warn(message: string, ...more: string[]): void {
  apiIfUsed()?.diag.warn(`connmeter: ${message}`, ...more);
}

function isInDomain(): boolean {
  return (process as { domain?: object | null }).domain != null;
}
