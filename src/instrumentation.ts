import { diag, type MeterProvider, metrics, type TracerProvider } from '@opentelemetry/api';
import { CallSites } from './call-sites.ts';
import { listen } from './channels.ts';
import { Connections } from './connections.ts';
import { type Guard, guardWith, inFrames, oncePerPlace } from './guard.ts';
import { type Exposure, expose } from './instruments.ts';
import { Ledger } from './ledger.ts';
import { Lookups } from './lookups.ts';
import { type ConnectionInstrumentationConfig, checkedOptions } from './options.ts';
import { Servers } from './servers.ts';
import type { Snapshot } from './snapshot.ts';
import { type LookupWatch, watchLookups } from './sources/dns.ts';
import { httpSource } from './sources/http.ts';
import { http2Source } from './sources/http2.ts';
import { netSource } from './sources/net.ts';
import { readPorts } from './sources/ports.ts';
import { serverSource } from './sources/server.ts';
import { undiciRequests, undiciSource } from './sources/undici.ts';
import { VERSION } from './version.ts';

const NAME = 'connmeter';

// Taken before any program can replace them by fakes.
const monotonic = performance.now.bind(performance);
const settled = Promise.resolve();
const { setTimeout } = globalThis;
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
  readonly #ledger: Ledger;
  readonly #connections: Connections;
  readonly #servers: Servers;
  readonly #lookups: Lookups;
  readonly #callSites: CallSites;
  readonly #guard = guardWith(
    oncePerPlace((where, error) =>
      diag.warn(`connmeter: a fault of its own at ${where}; the program is unaffected`, inFrames(error)),
    ),
  );
  #provider: MeterProvider | undefined;
  #exposure: Exposure | undefined;
  #lookupWatch: LookupWatch | undefined;
  #stopListening: (() => void) | undefined;
  #stopWatchingRequests: (() => void) | undefined;

  /** What is known now of origins, connections and the lines of the program that waste them: plain data, bounded. */
  readonly connections: { snapshot(): Snapshot } = { snapshot: () => this.#connections.snapshot() };

  constructor(config: ConnectionInstrumentationConfig = {}) {
    const options = checkedOptions(config);
    this.#config = { ...config, ...options };
    this.#ledger = new Ledger(options.maxOrigins);

    const record: Exposure['record'] = (metric, seconds, attributes) =>
      this.#exposure?.record(metric, seconds, attributes);
    this.#lookups = new Lookups(this.#ledger, record);
    this.#callSites = new CallSites(
      options.callSites,
      message => diag.warn(`connmeter: ${message}`),
      on => this.#watchRequests(on),
    );
    const now = () => monotonic() / 1000;
    this.#servers = new Servers(this.#ledger, record, now);
    this.#connections = new Connections({
      callSites: this.#callSites,
      ledger: this.#ledger,
      lookups: this.#lookups,
      record,
      now,
      atEndOfTurn: run => {
        const end = this.#guard('end of turn', run);
        return () => void settled.then(end);
      },
      inNextRound: run => inNextRound(this.#guard, run),
    });

    this.setMeterProvider(metrics.getMeterProvider());
    if (options.enabled) this.enable();
  }

  /** Starts listening. Connections that are open already are not counted; their requests are. Safe to call again. */
  enable(): void {
    this.#lookupWatch ??= watchLookups(this.#lookups, this.#guard);
    this.#stopListening ??= listen(
      this.#guard,
      netSource(this.#connections, this.#guard),
      undiciSource(this.#connections),
      httpSource(this.#connections, this.#callSites, this.#guard),
      http2Source(this.#connections, this.#guard),
      this.#config.servers ? serverSource(this.#servers, this.#guard) : {},
    );
    this.#servers.resume();
  }

  /** Stops listening. What was counted open is still counted closed when it closes. Safe to call again. */
  disable(): void {
    this.#stopListening?.();
    this.#stopListening = undefined;
    this.#lookupWatch?.stop();
    this.#lookupWatch = undefined;
    this.#watchRequests(false);
    this.#connections.pause();
    this.#servers.pause();
  }

  /** @internal The server is not the program's own: what it accepts is not counted. */
  leaveOut(server: object): void {
    this.#servers.leaveOut(server);
  }

  /** Where the metrics go from now on. Called by the SDK, and more than once. */
  setMeterProvider(provider: MeterProvider): void {
    if (provider === this.#provider) return;

    this.#provider = provider;
    this.#exposure?.stop();
    const bringUpToDate = this.#guard('collection', () => {
      this.#lookupWatch?.flush();
      this.#connections.takeStock();
      this.#servers.takeStock();
      this.#ledger.ports = readPorts();
    });
    this.#exposure = expose(provider.getMeter(NAME, VERSION), this.#ledger, bringUpToDate);
  }

  #watchRequests(on: boolean): void {
    this.#stopWatchingRequests?.();
    this.#stopWatchingRequests = on ? listen(this.#guard, undiciRequests(this.#callSites)) : undefined;
  }

  /** There are no spans here; present because the interface asks for it. */
  setTracerProvider(_provider: TracerProvider): void {}

  /** Takes over new options; `maxOrigins` counts for origins not seen yet, `servers` from the next start. */
  setConfig(config: ConnectionInstrumentationConfig = {}): void {
    const options = checkedOptions(config);
    this.#config = { ...config, ...options };
    this.#ledger.limit = options.maxOrigins;
  }

  /** The options in force. */
  getConfig(): ConnectionInstrumentationConfig {
    return this.#config;
  }
}

/**
 * By a timer: an immediate of ours may be the program's first, and a program that has entered a domain for good is warned
 * for it (DEP0097). Several timers may run in one round of the event loop, so the rounds are counted.
 */
function inNextRound(guard: Guard, run: () => void): void {
  const round = nodeTiming.uvMetricsInfo.loopCount;
  const look = guard('next round', () => {
    if (nodeTiming.uvMetricsInfo.loopCount > round) run();
    else inNextRound(guard, run);
  });
  setTimeout(look, 1).unref();
}
