import { DETAILS } from './metrics/detail.ts';

/** Options of {@link ConnectionInstrumentation}. */
export interface ConnectionInstrumentationConfig {
  /** Start measuring when the instrumentation is created. If false, call `enable()` later. Default: true. */
  enabled?: boolean;
  /**
   * Maximum number of distinct origins, server listeners and looked-up names (each). The rest are grouped as `_OTHER`. An
   * integer from 1 to 1000. Default: 100. Under a MeterProvider of the program, OpenTelemetry's SDK keeps 2,000 series of each metric,
   * which is enough for about 130 origins, or 200 with `detail: 'basic'`; above that, a warning says how to raise it.
   * `connmeter/register` has no such limit.
   */
  maxOrigins?: number;
  /**
   * `basic`: at most 25 series per origin instead of up to 110, for large fleets. docs/metrics.md lists what it leaves out, and the
   * alerts that still work. Default: `full`.
   */
  detail?: 'basic' | 'full';
  /**
   * Find the lines of the program that leave response bodies unread, or create one pool after another. When an origin has
   * such a problem, the stack traces of its next few requests are captured. Default: true.
   */
  callSites?: boolean;
  /** Also measure the connections that servers of this process accept. Default: true. */
  servers?: boolean;
  /**
   * Read which Client of undici a socket belongs to, a private property that undici does not publish. Only with it are the pools of
   * undici 7 and 8 known; without it the cause of many of their connections is `unknown`. Nothing is written. Default: true.
   */
  readUndiciInternals?: boolean;
  /**
   * Also make a span per new connection, through the global TracerProvider or that of `setTracerProvider`: `HTTP connection_setup` with
   * its lookup, connect and TLS handshake, linked to the span in which the request was made. Default: false.
   */
  traces?: boolean;
  /**
   * Gives an address (a host name, an IP address or the path of a Unix socket) the name under which it appears in metrics, snapshots
   * and warnings, for example one name for all pods of a service. Asked once per address. If it throws, or returns no
   * name, the address is grouped under `_OTHER` or `unknown`. Default: the address itself.
   */
  originName?: ((address: string) => string) | undefined;
}

export interface Options {
  readonly enabled: boolean;
  readonly maxOrigins: number;
  readonly detail: 'basic' | 'full';
  readonly callSites: boolean;
  readonly servers: boolean;
  readonly readUndiciInternals: boolean;
  readonly traces: boolean;
  readonly originName: ((address: string) => string) | undefined;
}

const DEFAULTS: Options = {
  enabled: true,
  maxOrigins: 100,
  detail: 'full',
  callSites: true,
  servers: true,
  readUndiciInternals: true,
  traces: false,
  originName: undefined,
};

/** Adds the defaults. Throws a `RangeError` with the name, the expected and the actual value if an option is invalid. */
export function checkedOptions(config: ConnectionInstrumentationConfig = {}): Options {
  if (typeof config !== 'object' || config === null) throw invalidOption('config', 'an object', config);

  const enabled = config.enabled ?? DEFAULTS.enabled;
  const maxOrigins = config.maxOrigins ?? DEFAULTS.maxOrigins;
  const detail = config.detail ?? DEFAULTS.detail;
  const callSites = config.callSites ?? DEFAULTS.callSites;
  const servers = config.servers ?? DEFAULTS.servers;
  const readUndiciInternals = config.readUndiciInternals ?? DEFAULTS.readUndiciInternals;
  const traces = config.traces ?? DEFAULTS.traces;
  const { originName } = config;
  if (originName !== undefined && typeof originName !== 'function') {
    throw invalidOption('originName', 'a function', originName);
  }
  if (typeof traces !== 'boolean') throw invalidOption('traces', 'a boolean', traces);
  if (typeof servers !== 'boolean') throw invalidOption('servers', 'a boolean', servers);
  if (typeof readUndiciInternals !== 'boolean') {
    throw invalidOption('readUndiciInternals', 'a boolean', readUndiciInternals);
  }
  if (typeof callSites !== 'boolean') throw invalidOption('callSites', 'a boolean', callSites);
  if (typeof enabled !== 'boolean') throw invalidOption('enabled', 'a boolean', enabled);
  if (!Number.isInteger(maxOrigins) || maxOrigins < 1 || maxOrigins > 1000) {
    throw invalidOption('maxOrigins', 'an integer from 1 to 1000', maxOrigins);
  }
  if (!DETAILS.includes(detail)) throw invalidOption('detail', '"basic" or "full"', detail);
  return { enabled, maxOrigins, detail, callSites, servers, readUndiciInternals, traces, originName };
}

function invalidOption(option: string, expected: string, received: unknown): RangeError {
  return new RangeError(`connmeter: option "${option}" must be ${expected}, got ${inspect(received)}`);
}

function inspect(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value)
    : process.getBuiltinModule('node:util').inspect(value, { depth: 0 });
}
