import { nameByPattern } from '../core/origin-names.ts';
import type { Detail } from '../metrics/detail.ts';

/** Environment variables, as in `process.env`. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** The supported values of `OTEL_METRICS_EXPORTER`, besides `none`. */
export type ExporterName = 'prometheus' | 'otlp' | 'console';

/** The supported values of `OTEL_EXPORTER_OTLP_PROTOCOL`. */
export type OtlpProtocol = (typeof OTLP_PROTOCOLS)[number];

/** The settings of `connmeter/register`, and one warning per invalid variable. */
export interface Environment {
  readonly disabled: boolean;
  readonly exporters: readonly ExporterName[];
  readonly host: string;
  readonly port: number;
  /** Names that are allowed in `Host` headers, besides loopback names; undefined if the variable is not set. */
  readonly allowedHosts: readonly string[] | undefined;
  /** These are options of the same names of `ConnectionInstrumentation`. */
  readonly readUndiciInternals: boolean;
  readonly traces: boolean;
  readonly maxOrigins: number;
  readonly detail: Detail;
  readonly originName: ((address: string) => string) | undefined;
  /** The processes and threads of a service share one port, which serves their sum. */
  readonly share: boolean;
  /** Their numbers stand side by side in the scrape, instead of their sum. */
  readonly perProcess: boolean;
  readonly otlpProtocol: OtlpProtocol;
  /** How often the exporters that push send, in milliseconds. */
  readonly interval: number;
  /** The local page and its data are served beside `/metrics`. Undefined if the variable is not set. */
  readonly page: boolean | undefined;
  /** How findings are printed to stderr. Undefined if the variable is not set. */
  readonly log: (typeof LOG_FORMATS)[number] | undefined;
  /** When the report is printed to stderr: at the end, or at this signal. */
  readonly report: (typeof REPORTS)[number] | undefined;
  /** Set by the command `connmeter`: a folder where each process writes what it knows. */
  readonly reportFolder: string | undefined;
  /** Which lines are printed to stderr. `info` includes warnings. */
  readonly logLevel: 'none' | 'warn' | 'info';
  readonly warnings: readonly string[];
}

const EXPORTERS: readonly ExporterName[] = ['prometheus', 'otlp', 'console'];
const LOG_FORMATS = ['text', 'json', 'none'] as const;
const REPORTS = ['exit', 'SIGUSR2'] as const;
const BOOLEANS = ['true', 'false'] as const;
const OTLP_PROTOCOLS = ['http/protobuf', 'http/json', 'grpc'] as const;
/** The values of `OTEL_LOG_LEVEL`. connmeter prints warnings and infos only. */
const LOG_LEVELS: Readonly<Record<string, Environment['logLevel']>> = {
  none: 'none',
  error: 'none',
  warn: 'warn',
  info: 'info',
  debug: 'info',
  verbose: 'info',
  all: 'info',
};
/** A host name or an IPv4 address, without a port; or an IPv6 address in brackets. */
const HOST = /^(?:[a-z\d_-]+(?:\.[a-z\d_-]+)*|\[[a-f\d:.]+\])$/;

/**
 * Reads the settings from environment variables. An invalid variable is ignored, with a warning.
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export function readEnvironment(env: Variables): Environment {
  const warnings: string[] = [];
  const warn = (name: string, expected: string, used: string) =>
    warnings.push(`${name} must be ${expected}, got ${JSON.stringify(env[name])}; using ${used}`);
  const value = (name: string) => env[name]?.trim() || undefined;

  const boolean = (name: string, fallback: boolean) => {
    const text = value(name)?.toLowerCase();
    if (text !== undefined && text !== 'true' && text !== 'false') warn(name, 'true or false', String(fallback));
    return text === 'true' || (text !== 'false' && fallback);
  };
  const disabled = boolean('OTEL_SDK_DISABLED', false);

  const names = (value('OTEL_METRICS_EXPORTER') ?? 'prometheus').split(',').map(name => name.trim().toLowerCase());
  const known = EXPORTERS.filter(name => names.includes(name));
  const none = names.includes('none');
  if (names.some(name => name !== 'none' && !EXPORTERS.includes(name as ExporterName))) {
    const used = none || known.length === 0 ? 'none' : known.join(',');
    warn('OTEL_METRICS_EXPORTER', 'prometheus, otlp, console or none', used);
  }

  const integer = (name: string, lowest: number, highest: number, fallback: number) => {
    const text = value(name);
    if (text === undefined) return fallback;
    if (/^\d+$/.test(text) && Number(text) >= lowest && Number(text) <= highest) return Number(text);

    warn(name, `an integer from ${lowest} to ${highest}`, String(fallback));
    return fallback;
  };

  /** Undefined if it is not set, or none of the known values. */
  const oneOf = <Known extends string>(name: string, known: readonly Known[]): Known | undefined => {
    const text = value(name)?.toLowerCase();
    const found = known.find(each => each.toLowerCase() === text);
    if (text !== undefined && found === undefined) warn(name, known.join(' or '), 'the default');
    return found;
  };

  // An invalid list still restricts access, to its valid names: a typo must not allow all names.
  const hosts = value('CONNMETER_ALLOWED_HOSTS')
    ?.split(',')
    .map(name => name.trim().toLowerCase().replace(/\.$/, ''));
  const allowedHosts = hosts?.filter(name => HOST.test(name));
  if (hosts !== undefined && hosts.length !== allowedHosts?.length) {
    const used = allowedHosts?.join(',') || 'loopback names and IP addresses only';
    warn('CONNMETER_ALLOWED_HOSTS', 'host names without ports, separated by commas', used);
  }

  const pairs = value('CONNMETER_ORIGIN_NAMES')?.split(',') ?? [];
  const patterns = pairs.flatMap(each => {
    const [, pattern, name] = /^\s*([^=\s]+)\s*=\s*([^=\s]+)\s*$/.exec(each) ?? [];
    return pattern === undefined || name === undefined ? [] : [{ pattern, name }];
  });
  if (patterns.length !== pairs.length) {
    const used = patterns.map(({ pattern, name }) => `${pattern}=${name}`).join(',') || 'no names';
    warn('CONNMETER_ORIGIN_NAMES', 'pattern=name, separated by commas', used);
  }

  const protocolName = value('OTEL_EXPORTER_OTLP_METRICS_PROTOCOL')
    ? 'OTEL_EXPORTER_OTLP_METRICS_PROTOCOL'
    : 'OTEL_EXPORTER_OTLP_PROTOCOL';
  const protocol = value(protocolName)?.toLowerCase() ?? 'http/protobuf';
  const otlpProtocol = OTLP_PROTOCOLS.find(known => known === protocol);
  if (otlpProtocol === undefined) warn(protocolName, `one of ${OTLP_PROTOCOLS.join(', ')}`, 'http/protobuf');

  const level = value('OTEL_LOG_LEVEL')?.toLowerCase() ?? 'info';
  const logLevel = Object.hasOwn(LOG_LEVELS, level) ? LOG_LEVELS[level] : undefined;
  if (logLevel === undefined) warn('OTEL_LOG_LEVEL', `one of ${Object.keys(LOG_LEVELS).join(', ')}`, 'info');

  const log = oneOf('CONNMETER_LOG', LOG_FORMATS);
  const report = oneOf('CONNMETER_REPORT', REPORTS);
  const page = oneOf('CONNMETER_PAGE', BOOLEANS);

  const detail = value('CONNMETER_DETAIL')?.toLowerCase() ?? 'full';
  if (detail !== 'basic' && detail !== 'full') warn('CONNMETER_DETAIL', 'basic or full', 'full');

  return {
    disabled,
    exporters: none ? [] : known,
    host: value('OTEL_EXPORTER_PROMETHEUS_HOST') ?? 'localhost',
    port: integer('OTEL_EXPORTER_PROMETHEUS_PORT', 0, 65_535, 9464),
    allowedHosts,
    readUndiciInternals: boolean('CONNMETER_READ_UNDICI_INTERNALS', true),
    traces: boolean('CONNMETER_TRACES', false),
    originName: patterns.length > 0 ? nameByPattern(patterns) : undefined,
    detail: detail === 'basic' ? 'basic' : 'full',
    maxOrigins: integer('CONNMETER_MAX_ORIGINS', 1, 1000, 100),
    share: boolean('CONNMETER_SHARE', true),
    perProcess: boolean('CONNMETER_PER_PROCESS', false),
    page: page === undefined ? undefined : page === 'true',
    log,
    report,
    reportFolder: value('CONNMETER_REPORT_FOLDER'),
    otlpProtocol: otlpProtocol ?? 'http/protobuf',
    interval: integer('OTEL_METRIC_EXPORT_INTERVAL', 1, 2_147_483_647, 60_000),
    logLevel: logLevel ?? 'info',
    warnings,
  };
}
