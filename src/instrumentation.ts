import { diag, type MeterProvider, metrics, type TracerProvider } from '@opentelemetry/api';
import { CallSites } from './client/attribution/call-sites.ts';
import { Connections } from './client/connections.ts';
import type { Snapshot } from './client/snapshot.ts';
import { httpSource } from './client/sources/http.ts';
import { http2Source } from './client/sources/http2.ts';
import { netSource } from './client/sources/net.ts';
import { undiciRequests, undiciSource } from './client/sources/undici.ts';
import { subscribeAll } from './core/channels.ts';
import { type Guard, guardWith, oncePerPlace, stackOf } from './core/guard.ts';
import type { FaultPlace } from './metrics/faults.ts';
import { createInstruments, type Instruments } from './metrics/instruments.ts';
import { type LookupObserver, observeLookups } from './metrics/lookup-observer.ts';
import { Lookups } from './metrics/lookups.ts';
import { readPorts } from './metrics/read-ports.ts';
import { MetricRegistry } from './metrics/registry.ts';
import { type ConnectionInstrumentationConfig, checkedOptions } from './options.ts';
import { Servers } from './server/servers.ts';
import { serverSource } from './server/source.ts';
import { VERSION } from './version.ts';

const NAME = 'connmeter';

// Taken before any program can replace them by fakes.
const monotonic = performance.now.bind(performance);
const settled = Promise.resolve();
const { nodeTiming } = process.getBuiltinModule('node:perf_hooks').performance;

/**
 * Measures every client connection of the process and turns it into OpenTelemetry metrics: each lookup, connect, TLS
 * handshake, request and close, per origin; and those that its servers accept, per listener. Listens to diagnostics channels and socket events only; patches nothing.
 *
 * Fulfils the `Instrumentation` interface of `@opentelemetry/instrumentation`, so it works with
 * `registerInstrumentations` and `NodeSDK`; alone it uses the global MeterProvider there is when it is made. Starts at
 * once, unless `enabled` is false.
 *
 * @example
 * registerInstrumentations({ instrumentations: [new ConnectionInstrumentation({ maxOrigins: 200 })] });
 *
 * @throws RangeError where an option is not as documented; nothing else, ever.
 */
export class ConnectionInstrumentation {
  readonly instrumentationName: string = NAME;
  readonly instrumentationVersion: string = VERSION;

  #config: ConnectionInstrumentationConfig;
  readonly #registry: MetricRegistry;
  readonly #connections: Connections;
  readonly #servers: Servers;
  readonly #lookups: Lookups;
  readonly #callSites: CallSites;
  readonly #warnOnce = oncePerPlace((where, error) =>
    diag.warn(`connmeter: a fault of its own at ${where}; the program is unaffected`, stackOf(error)),
  );
  #provider: MeterProvider | undefined;
  #instruments: Instruments | undefined;
  #lookupObserver: LookupObserver | undefined;
  #unsubscribe: (() => void) | undefined;
  #unsubscribeFromRequests: (() => void) | undefined;

  /** What is known now of origins, connections and the lines of the program that waste them: plain data, bounded. */
  readonly connections: { snapshot(): Snapshot } = { snapshot: () => this.#connections.snapshot() };

  constructor(config: ConnectionInstrumentationConfig = {}) {
    const options = checkedOptions(config);
    this.#config = { ...config, ...options };
    this.#registry = new MetricRegistry(options.maxOrigins);

    const record: Instruments['record'] = (metric, seconds, attributes) =>
      this.#instruments?.record(metric, seconds, attributes);
    this.#lookups = new Lookups(this.#registry, record);
    this.#callSites = new CallSites(
      options.callSites,
      message => diag.warn(`connmeter: ${message}`),
      on => this.#subscribeToRequests(on),
    );
    const now = () => monotonic() / 1000;
    const guard = this.#guard('collection');
    this.#servers = new Servers(this.#registry, record, now, guard);
    this.#connections = new Connections({
      callSites: this.#callSites,
      registry: this.#registry,
      lookups: this.#lookups,
      record,
      now,
      guard,
      asMicrotask: run => {
        const end = this.#guard('net')('end of turn', run);
        return () => void settled.then(end);
      },
      loopCount: () => nodeTiming.uvMetricsInfo.loopCount, // to wait for a round would take a timer
    });

    this.setMeterProvider(metrics.getMeterProvider());
    if (options.enabled) this.enable();
  }

  /** Starts listening. Connections that are open already are not counted; their requests are. Safe to call again. */
  enable(): void {
    this.#lookupObserver ??= observeLookups(this.#lookups, this.#guard('dns'));
    this.#unsubscribe ??= this.#subscribe();
    this.#servers.resume();
  }

  #subscribe(): () => void {
    const [net, http] = [this.#guard('net'), this.#guard('http')];
    const [http2, server] = [this.#guard('http2'), this.#guard('server')];
    const stops = [
      subscribeAll(net, netSource(this.#connections, net)),
      subscribeAll(this.#guard('undici'), undiciSource(this.#connections)),
      subscribeAll(http, httpSource(this.#connections, this.#callSites, http)),
      subscribeAll(http2, http2Source(this.#connections, http2)),
      subscribeAll(server, this.#config.servers ? serverSource(this.#servers, server) : {}),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** Catches our own faults in one part: counts each, and warns of the first at each place. */
  #guard(place: FaultPlace): Guard {
    return guardWith((where, error) => {
      this.#registry.faults.count(place);
      this.#warnOnce(where, error);
    });
  }

  /** Stops listening. What was counted open is still counted closed when it closes. Safe to call again. */
  disable(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#lookupObserver?.stop();
    this.#lookupObserver = undefined;
    this.#subscribeToRequests(false);
    this.#connections.pause();
    this.#servers.pause();
  }

  /** @internal The server is not the program's own: what it accepts is not counted, nor is the lookup of its host. */
  ignoreServer(server: object, host?: string): void {
    this.#servers.ignore(server);
    if (host !== undefined) this.#lookups.ignoreNext(host);
  }

  /** @internal A fault outside of the instrumentation, in what serves its metrics. */
  countFault(place: FaultPlace): void {
    this.#registry.faults.count(place);
  }

  /** Where the metrics go from now on. Called by the SDK, and more than once. */
  setMeterProvider(provider: MeterProvider): void {
    if (provider === this.#provider) return;

    this.#provider = provider;
    this.#instruments?.stop();
    const guard = this.#guard('collection');
    const steps = [
      guard('lookups', () => this.#lookupObserver?.flush()),
      guard('client connections', () => this.#connections.refreshGauges()),
      guard('server connections', () => this.#servers.refreshGauges()),
      guard('ports', () => {
        this.#registry.ports = readPorts();
      }),
    ];
    const bringUpToDate = () => {
      for (const step of steps) step();
    };
    this.#instruments = createInstruments(provider.getMeter(NAME, VERSION), this.#registry, bringUpToDate);
  }

  #subscribeToRequests(on: boolean): void {
    this.#unsubscribeFromRequests?.();
    this.#unsubscribeFromRequests = on
      ? subscribeAll(this.#guard('undici'), undiciRequests(this.#callSites))
      : undefined;
  }

  /** There are no spans here; present because the interface asks for it. */
  setTracerProvider(_provider: TracerProvider): void {}

  /** Takes over new options; `maxOrigins` counts for origins not seen yet, `servers` from the next start. */
  setConfig(config: ConnectionInstrumentationConfig = {}): void {
    const options = checkedOptions(config);
    this.#config = { ...config, ...options };
    this.#registry.limit = options.maxOrigins;
  }

  /** The options in force. */
  getConfig(): ConnectionInstrumentationConfig {
    return this.#config;
  }
}
