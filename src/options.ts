/** Options of {@link ConnectionInstrumentation}. */
export interface ConnectionInstrumentationConfig {
  /** Whether to start at once. Default: true. */
  enabled?: boolean;
  /**
   * How many origins, listeners of servers, and looked-up names are told apart, of each; later ones are counted together as `_OTHER`.
   * An integer from 1 to 1000. Default: 100. Above 130, raise the SDK's own limit of 2000 label sets per metric too.
   */
  maxOrigins?: number;
  /**
   * Whether to find the lines of the program that hold bodies or open pool after pool: once an origin is seen to suffer
   * from it, where its next few requests are made. Default: true.
   */
  callSites?: boolean;
  /** Whether to measure the connections that servers of this process accept, too. Default: true. */
  servers?: boolean;
}

export interface Options {
  readonly enabled: boolean;
  readonly maxOrigins: number;
  readonly callSites: boolean;
  readonly servers: boolean;
}

const DEFAULTS: Options = { enabled: true, maxOrigins: 100, callSites: true, servers: true };

/** Fills in the defaults. Throws a RangeError that names the option, what was expected and what came. */
export function checkedOptions(config: ConnectionInstrumentationConfig = {}): Options {
  if (typeof config !== 'object' || config === null) throw invalidOption('config', 'an object', config);

  const enabled = config.enabled ?? DEFAULTS.enabled;
  const maxOrigins = config.maxOrigins ?? DEFAULTS.maxOrigins;
  const callSites = config.callSites ?? DEFAULTS.callSites;
  const servers = config.servers ?? DEFAULTS.servers;
  if (typeof servers !== 'boolean') throw invalidOption('servers', 'a boolean', servers);
  if (typeof callSites !== 'boolean') throw invalidOption('callSites', 'a boolean', callSites);
  if (typeof enabled !== 'boolean') throw invalidOption('enabled', 'a boolean', enabled);
  if (!Number.isInteger(maxOrigins) || maxOrigins < 1 || maxOrigins > 1000) {
    throw invalidOption('maxOrigins', 'an integer from 1 to 1000', maxOrigins);
  }
  return { enabled, maxOrigins, callSites, servers };
}

function invalidOption(option: string, expected: string, received: unknown): RangeError {
  return new RangeError(`connmeter: option "${option}" must be ${expected}, got ${describe(received)}`);
}

function describe(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value)
    : process.getBuiltinModule('node:util').inspect(value, { depth: 0 });
}
