import { expect, test } from 'vitest';
import { readEnvironment } from '../../src/register/environment.ts';

const UNSET = {
  disabled: false,
  exporters: ['prometheus'],
  host: 'localhost',
  port: 9464,
  allowedHosts: undefined,
  readUndiciInternals: true,
  originName: undefined,
  maxOrigins: 100,
  detail: 'full',
  traces: false,
  page: undefined,
  log: undefined,
  report: undefined,
  reportFolder: undefined,
  share: true,
  perProcess: false,
  otlpProtocol: 'http/protobuf',
  interval: 60_000,
  logLevel: 'info',
  warnings: [],
};

test('without variables the metrics are served at localhost:9464', () => {
  expect(readEnvironment({})).toEqual(UNSET);
});

test.each(['', ' ', '\t'])('a blank variable (%j) counts as unset', empty => {
  const env = {
    OTEL_SDK_DISABLED: empty,
    OTEL_METRICS_EXPORTER: empty,
    OTEL_EXPORTER_PROMETHEUS_HOST: empty,
    OTEL_EXPORTER_PROMETHEUS_PORT: empty,
    OTEL_METRIC_EXPORT_INTERVAL: empty,
    CONNMETER_ALLOWED_HOSTS: empty,
    CONNMETER_DETAIL: empty,
    CONNMETER_READ_UNDICI_INTERNALS: empty,
    OTEL_LOG_LEVEL: empty,
  };

  expect(readEnvironment(env)).toEqual(UNSET);
});

test.each([
  ['true', true],
  ['TRUE', true],
  [' true ', true],
  ['false', false],
  ['False', false],
])('OTEL_SDK_DISABLED=%j gives disabled %j, without complaint', (value, disabled) => {
  expect(readEnvironment({ OTEL_SDK_DISABLED: value })).toEqual({ ...UNSET, disabled });
});

test.each([
  ['true', true],
  ['False', false],
])('CONNMETER_READ_UNDICI_INTERNALS=%j gives %j, without complaint', (value, readUndiciInternals) => {
  expect(readEnvironment({ CONNMETER_READ_UNDICI_INTERNALS: value })).toEqual({ ...UNSET, readUndiciInternals });
});

test('CONNMETER_READ_UNDICI_INTERNALS=0 is complained about, and the default is used', () => {
  const complaint = 'CONNMETER_READ_UNDICI_INTERNALS must be true or false, got "0"; using true';

  expect(readEnvironment({ CONNMETER_READ_UNDICI_INTERNALS: '0' })).toEqual({ ...UNSET, warnings: [complaint] });
});

test.each([
  ['basic', 'basic'],
  [' Full ', 'full'],
])('CONNMETER_DETAIL=%j gives %j, without complaint', (value, detail) => {
  expect(readEnvironment({ CONNMETER_DETAIL: value })).toEqual({ ...UNSET, detail });
});

test('an unknown CONNMETER_DETAIL is complained about in one line, and full is used', () => {
  const complaint = 'CONNMETER_DETAIL must be basic or full, got "little"; using full';

  expect(readEnvironment({ CONNMETER_DETAIL: 'little' })).toEqual({ ...UNSET, warnings: [complaint] });
});

test.each([
  ['none', 'none'],
  ['error', 'none'],
  ['WARN', 'warn'],
  ['info', 'info'],
  ['verbose', 'info'],
])('OTEL_LOG_LEVEL=%s prints %s, without complaint', (value, logLevel) => {
  expect(readEnvironment({ OTEL_LOG_LEVEL: value })).toEqual({ ...UNSET, logLevel });
});

test('an unknown OTEL_LOG_LEVEL is reported', () => {
  const complaint =
    'OTEL_LOG_LEVEL must be one of none, error, warn, info, debug, verbose, all, got "constructor"; using info';

  expect(readEnvironment({ OTEL_LOG_LEVEL: 'constructor' })).toEqual({ ...UNSET, warnings: [complaint] });
});

test.each([
  ['demo', ['demo']],
  [' Demo.Example. , metrics_1 ', ['demo.example', 'metrics_1']],
  ['10.0.0.1,[::1]', ['10.0.0.1', '[::1]']],
])('CONNMETER_ALLOWED_HOSTS=%j allows %j, without complaint', (value, allowedHosts) => {
  expect(readEnvironment({ CONNMETER_ALLOWED_HOSTS: value })).toEqual({ ...UNSET, allowedHosts });
});

test.each([
  ['demo:9464', [], 'loopback names and IP addresses only'],
  ['http://demo,shop', ['shop'], 'shop'],
  ['*', [], 'loopback names and IP addresses only'],
  ['demo,,shop', ['demo', 'shop'], 'demo,shop'],
  ['de mo', [], 'loopback names and IP addresses only'],
])('CONNMETER_ALLOWED_HOSTS=%j still allows no more than %j, and is complained about', (value, allowedHosts, used) => {
  expect(readEnvironment({ CONNMETER_ALLOWED_HOSTS: value })).toEqual({
    ...UNSET,
    allowedHosts,
    warnings: [
      `CONNMETER_ALLOWED_HOSTS must be host names without ports, separated by commas, got "${value}"; using ${used}`,
    ],
  });
});

test.each(['1', 'yes', 'on'])('OTEL_SDK_DISABLED=%j does not disable, and is reported', value => {
  expect(readEnvironment({ OTEL_SDK_DISABLED: value })).toEqual({
    ...UNSET,
    warnings: [`OTEL_SDK_DISABLED must be true or false, got "${value}"; using false`],
  });
});

test.each([
  ['prometheus', ['prometheus']],
  ['console', ['console']],
  ['console,prometheus', ['prometheus', 'console']],
  [' Prometheus , CONSOLE ', ['prometheus', 'console']],
  ['prometheus,prometheus', ['prometheus']],
  ['none', []],
  ['none,prometheus', []],
])('OTEL_METRICS_EXPORTER=%j asks for %j, without complaint', (value, exporters) => {
  expect(readEnvironment({ OTEL_METRICS_EXPORTER: value })).toEqual({ ...UNSET, exporters });
});

test.each([
  ['datadog', [], 'none'],
  ['datadog,none', [], 'none'],
  ['datadog,console', ['console'], 'console'],
  ['datadog,console,prometheus', ['prometheus', 'console'], 'prometheus,console'],
])('OTEL_METRICS_EXPORTER=%j is complained about, and the known ones are used', (value, exporters, used) => {
  expect(readEnvironment({ OTEL_METRICS_EXPORTER: value })).toEqual({
    ...UNSET,
    exporters,
    warnings: [`OTEL_METRICS_EXPORTER must be prometheus, otlp, console or none, got "${value}"; using ${used}`],
  });
});

test('the host is used as given, without surrounding spaces', () => {
  expect(readEnvironment({ OTEL_EXPORTER_PROMETHEUS_HOST: ' 0.0.0.0 ' })).toEqual({ ...UNSET, host: '0.0.0.0' });
});

test.each([
  ['0', 0],
  ['1', 1],
  [' 8080 ', 8080],
  ['65535', 65_535],
])('OTEL_EXPORTER_PROMETHEUS_PORT=%j gives port %j', (value, port) => {
  expect(readEnvironment({ OTEL_EXPORTER_PROMETHEUS_PORT: value })).toEqual({ ...UNSET, port });
});

test.each(['65536', '-1', '80.5', '1e3', '0x50', 'http', '99999999999999999999'])(
  'OTEL_EXPORTER_PROMETHEUS_PORT=%j is reported, and 9464 is used',
  value => {
    expect(readEnvironment({ OTEL_EXPORTER_PROMETHEUS_PORT: value })).toEqual({
      ...UNSET,
      warnings: [
        `OTEL_EXPORTER_PROMETHEUS_PORT must be an integer from 0 to 65535, got ${JSON.stringify(value)}; using 9464`,
      ],
    });
  },
);

test.each([
  ['1', 1],
  ['2147483647', 2_147_483_647],
])('OTEL_METRIC_EXPORT_INTERVAL=%j gives %j ms', (value, interval) => {
  expect(readEnvironment({ OTEL_METRIC_EXPORT_INTERVAL: value })).toEqual({ ...UNSET, interval });
});

test.each(['0', '2147483648', 'soon'])(
  'OTEL_METRIC_EXPORT_INTERVAL=%j is reported, because a timer cannot use it',
  value => {
    expect(readEnvironment({ OTEL_METRIC_EXPORT_INTERVAL: value })).toEqual({
      ...UNSET,
      warnings: [`OTEL_METRIC_EXPORT_INTERVAL must be an integer from 1 to 2147483647, got "${value}"; using 60000`],
    });
  },
);

test('every invalid variable is reported on its own line, also if it contains a line break', () => {
  const { warnings } = readEnvironment({
    OTEL_SDK_DISABLED: 'per\nhaps',
    OTEL_METRICS_EXPORTER: 'datadog',
    OTEL_EXPORTER_PROMETHEUS_PORT: 'x',
    OTEL_METRIC_EXPORT_INTERVAL: 'y',
    CONNMETER_ALLOWED_HOSTS: 'z\n',
  });

  expect(warnings.map(complaint => complaint.split(' ')[0])).toEqual([
    'OTEL_SDK_DISABLED',
    'OTEL_METRICS_EXPORTER',
    'OTEL_EXPORTER_PROMETHEUS_PORT',
    'OTEL_METRIC_EXPORT_INTERVAL',
  ]);
  expect(warnings.join('')).not.toContain('\n');
});

test.each([
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'grpc'],
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'HTTP/JSON' }, 'http/json'],
])('%j gives the protocol %s, without complaint', (env, otlpProtocol) => {
  expect(readEnvironment(env)).toEqual({ ...UNSET, otlpProtocol });
});

test('an unknown protocol is reported by the name of its variable', () => {
  expect(readEnvironment({ OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'udp' })).toEqual({
    ...UNSET,
    warnings: [
      'OTEL_EXPORTER_OTLP_METRICS_PROTOCOL must be one of http/protobuf, http/json, grpc, got "udp"; using http/protobuf',
    ],
  });
});

test('CONNMETER_MAX_ORIGINS, CONNMETER_SHARE and CONNMETER_PER_PROCESS', () => {
  const env = { CONNMETER_MAX_ORIGINS: '1000', CONNMETER_SHARE: 'false', CONNMETER_PER_PROCESS: 'true' };

  expect(readEnvironment(env)).toEqual({ ...UNSET, maxOrigins: 1000, share: false, perProcess: true });
});

test('CONNMETER_ORIGIN_NAMES gives a name to all addresses that match a pattern', () => {
  const { originName, warnings } = readEnvironment({ CONNMETER_ORIGIN_NAMES: ' 10.1.* = pods ,*.test=tests' });

  expect(warnings).toEqual([]);
  expect(['10.1.2.3', 'a.test', 'other'].map(address => originName?.(address))).toEqual(['pods', 'tests', 'other']);
});

test('an invalid part of CONNMETER_ORIGIN_NAMES is reported, and the others are used', () => {
  const { originName, warnings } = readEnvironment({ CONNMETER_ORIGIN_NAMES: '10.1.*=pods,nothing' });

  expect(originName?.('10.1.2.3')).toBe('pods');
  expect(warnings).toEqual([
    'CONNMETER_ORIGIN_NAMES must be pattern=name, separated by commas, got "10.1.*=pods,nothing"; using 10.1.*=pods',
  ]);
});
