/** Where the metrics of `connmeter/register` go. */
export type ExporterName = 'prometheus' | 'console';

/** What the variables ask for, and what is wrong with them, one line each. */
export interface Environment {
  readonly disabled: boolean;
  readonly exporters: readonly ExporterName[];
  readonly host: string;
  readonly port: number;
  /** Names that `Host` headers may have besides loopback ones; undefined where the variable is not set. */
  readonly allowedHosts: readonly string[] | undefined;
  /** Milliseconds between two outputs of the console exporter. */
  readonly interval: number;
  /** Which lines go to stderr: none of them, warnings, or also what is worth knowing. */
  readonly logLevel: 'none' | 'warnings' | 'all';
  readonly warnings: readonly string[];
}

const EXPORTERS: readonly ExporterName[] = ['prometheus', 'console'];
/** Of `OTEL_LOG_LEVEL`: connmeter has no errors that are more than warnings, and nothing to say for debugging. */
const LINES: Readonly<Record<string, Environment['logLevel']>> = {
  none: 'none',
  error: 'none',
  warn: 'warnings',
  info: 'all',
  debug: 'all',
  verbose: 'all',
  all: 'all',
};
/** A host name or an IPv4 address, without a port; or an IPv6 address in brackets. */
const HOST = /^(?:[a-z\d_-]+(?:\.[a-z\d_-]+)*|\[[a-f\d:.]+\])$/;

/**
 * Reads the variables; one that cannot be used is as good as unset, and a complaint says so.
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Environment {
  const warnings: string[] = [];
  const complain = (name: string, expected: string, used: string) =>
    warnings.push(`${name} must be ${expected}, got ${JSON.stringify(env[name])}; using ${used}`);
  const given = (name: string) => env[name]?.trim() || undefined;

  const disabled = given('OTEL_SDK_DISABLED')?.toLowerCase();
  if (disabled !== undefined && disabled !== 'true' && disabled !== 'false') {
    complain('OTEL_SDK_DISABLED', 'true or false', 'false');
  }

  const asked = (given('OTEL_METRICS_EXPORTER') ?? 'prometheus').split(',').map(name => name.trim().toLowerCase());
  const known = EXPORTERS.filter(name => asked.includes(name));
  const none = asked.includes('none');
  if (asked.some(name => name !== 'none' && !EXPORTERS.includes(name as ExporterName))) {
    const used = none || known.length === 0 ? 'none' : known.join(',');
    complain('OTEL_METRICS_EXPORTER', 'prometheus, console or none', used);
  }

  const integer = (name: string, lowest: number, highest: number, fallback: number) => {
    const value = given(name);
    if (value === undefined) return fallback;
    if (/^\d+$/.test(value) && Number(value) >= lowest && Number(value) <= highest) return Number(value);

    complain(name, `an integer from ${lowest} to ${highest}`, String(fallback));
    return fallback;
  };

  // Once it is set the list is in force, whatever is wrong with it: a slip must not open what was to be closed.
  const names = given('CONNMETER_ALLOWED_HOSTS')
    ?.split(',')
    .map(name => name.trim().toLowerCase().replace(/\.$/, ''));
  const allowedHosts = names?.filter(name => HOST.test(name));
  if (names !== undefined && names.length !== allowedHosts?.length) {
    const used = allowedHosts?.join(',') || 'loopback names and IP addresses only';
    complain('CONNMETER_ALLOWED_HOSTS', 'host names without ports, separated by commas', used);
  }

  const level = given('OTEL_LOG_LEVEL')?.toLowerCase() ?? 'info';
  const lines = Object.hasOwn(LINES, level) ? LINES[level] : undefined;
  if (lines === undefined) complain('OTEL_LOG_LEVEL', `one of ${Object.keys(LINES).join(', ')}`, 'info');

  return {
    disabled: disabled === 'true',
    exporters: none ? [] : known,
    host: given('OTEL_EXPORTER_PROMETHEUS_HOST') ?? 'localhost',
    port: integer('OTEL_EXPORTER_PROMETHEUS_PORT', 0, 65_535, 9464),
    allowedHosts,
    interval: integer('OTEL_METRIC_EXPORT_INTERVAL', 1, 2_147_483_647, 60_000),
    logLevel: lines ?? 'all',
    warnings: warnings,
  };
}
