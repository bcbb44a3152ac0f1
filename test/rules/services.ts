// Writes services.test.yaml: seven services without a fault, each with series for every rule. node test/rules/services.ts
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RECORDED } from '../../dashboards/source/rules/recorded-series.ts';

/** What an instance does in one minute. Whatever is left out is zero. */
interface Minute {
  readonly requests: number;
  /** Connections that it opens, each for a request that finds none. */
  readonly opened: number;
  /** Of those, how many close after one request, do a full TLS handshake, fail to open, or have a slow lookup. */
  readonly oneShot?: number;
  readonly fullHandshakes?: number;
  readonly refused?: number;
  readonly unanswered?: number;
  readonly tlsFailed?: number;
  readonly slowLookups?: number;
  readonly failedLookups?: number;
  /** Requests that met a connection that the server was closing. */
  readonly raced?: number;
  /** Seconds in which requests waited for a connection. */
  readonly saturated?: number;
  readonly held?: number;
  readonly pending?: number;
  /** Short connections to a database, such as those of health checks. */
  readonly databaseChecks?: number;
  /** Connections and requests that its own server gets. */
  readonly accepted?: number;
  readonly received?: number;
  readonly timeWait?: number;
}

interface Instance {
  readonly name: string;
  /** What it does in a minute, or nothing while it does not run. Counters begin at zero when it starts again. */
  readonly at: (minute: number) => Minute | undefined;
  /** True for a target that stays while the instance does not run. */
  readonly isStatic?: boolean;
}

interface Service {
  readonly name: string;
  readonly job: string;
  readonly instances: readonly Instance[];
  /** What it calls. `_OTHER` stands for the servers past `maxOrigins`. */
  readonly servers?: readonly string[];
  /** A moment with traffic. */
  readonly busyAt: number;
}

const MINUTES = 120;
const every = (minutes: number, minute: number) => minute % minutes === 0;

const SERVICES: readonly Service[] = [
  {
    name: 'steady - two instances with 50 requests/s each',
    job: 'steady',
    instances: ['one', 'two'].map(name => ({
      name,
      at: minute => ({
        requests: 3000,
        opened: 6,
        oneShot: 1,
        fullHandshakes: 1,
        refused: every(20, minute) ? 1 : 0,
        unanswered: every(15, minute) ? 1 : 0,
        tlsFailed: every(60, minute) ? 1 : 0,
        failedLookups: every(30, minute) ? 1 : 0,
        raced: every(90, minute) ? 1 : 0,
        saturated: 3,
        held: every(10, minute) ? 2 : 0,
        databaseChecks: 60,
        accepted: 12,
        received: 3000,
        timeWait: 300,
      }),
    })),
    busyAt: 99,
  },
  {
    name: 'bursty - a hundred requests every three minutes, most on connections that time out before the next burst',
    job: 'bursty',
    instances: [
      {
        name: 'one',
        at: minute =>
          every(3, minute)
            ? {
                requests: 100,
                opened: 60,
                oneShot: 40,
                fullHandshakes: 10,
                slowLookups: 2,
                saturated: 10,
                pending: 2,
                accepted: 60,
                received: 100,
                timeWait: 60,
              }
            : { requests: 5, opened: 0, timeWait: 30 },
      },
    ],
    busyAt: 99,
  },
  {
    name: 'cron - it runs for five minutes an hour, and its target stays',
    job: 'cron',
    instances: [
      {
        name: 'one',
        isStatic: true,
        at: minute =>
          minute % 60 < 5
            ? {
                requests: 6000,
                opened: minute % 60 === 1 ? 50 : 1,
                oneShot: 5,
                fullHandshakes: 10,
                slowLookups: 1,
                accepted: 2,
                received: 100,
                timeWait: 50,
              }
            : undefined,
      },
    ],
    busyAt: 63,
  },
  {
    name: 'tiny - a request a minute, each on a new connection',
    job: 'tiny',
    instances: [
      {
        name: 'one',
        at: minute => ({
          requests: 1,
          opened: 1,
          oneShot: 1,
          fullHandshakes: 1,
          refused: every(10, minute) ? 1 : 0,
          slowLookups: every(7, minute) ? 1 : 0,
          failedLookups: every(10, minute) ? 1 : 0,
          databaseChecks: 1,
          accepted: 1,
          received: 1,
          timeWait: 2,
        }),
      },
    ],
    busyAt: 99,
  },
  {
    name: 'a crawler - a few requests to each of thousands of hosts, and many of them fail',
    job: 'crawler',
    servers: ['_OTHER', 'host-1.test', 'host-2.test', 'host-3.test'],
    instances: [
      {
        name: 'one',
        at: () => ({
          requests: 2,
          opened: 2,
          oneShot: 2,
          fullHandshakes: 2,
          refused: 1,
          unanswered: 1,
          tlsFailed: 1,
          failedLookups: 1,
          slowLookups: 0.05,
          pending: 1,
          accepted: 1,
          received: 5,
          timeWait: 6000,
        }),
      },
    ],
    busyAt: 99,
  },
  {
    name: 'blue and green - a new instance takes over',
    job: 'blue-green',
    instances: [
      { name: 'blue', at: minute => (minute < 60 ? calm(minute) : undefined) },
      { name: 'green', at: minute => (minute >= 55 ? calm(minute - 55) : undefined) },
    ],
    busyAt: 99,
  },
  {
    name: 'autoscaling - one instance, then ten, then two',
    job: 'scaled',
    instances: Array.from({ length: 10 }, (_, index) => ({
      name: `${index}`,
      at: minute => {
        const runs = index === 0 || (minute >= 40 && (index === 1 || minute < 80));
        return runs ? calm(index === 0 ? minute : minute - 40) : undefined;
      },
    })),
    busyAt: 60,
  },
];

/** An ordinary instance, which fills its pools when it starts. */
function calm(age: number): Minute {
  return {
    requests: 600,
    opened: age === 1 ? 40 : 2,
    oneShot: 1,
    fullHandshakes: age === 1 ? 40 : 0,
    slowLookups: age === 1 ? 1 : 0,
    refused: every(30, age) ? 1 : 0,
    saturated: age === 1 ? 20 : 1,
    databaseChecks: 20,
    accepted: 10,
    received: 600,
    timeWait: 100,
  };
}

type Labels = Readonly<Record<string, string>>;

/** A counter adds up what happens in each minute; a gauge shows it. `_OTHER` has as much as 600 servers. */
interface Series {
  readonly name: string;
  readonly labels?: Labels;
  readonly kind: 'counter' | 'gauge';
  readonly value: (minute: Minute) => number;
}

const counter = (name: string, labels: Labels, value: Series['value']): Series => ({
  name,
  labels,
  kind: 'counter',
  value,
});
const gauge = (name: string, labels: Labels, value: Series['value']): Series => ({
  name,
  labels,
  kind: 'gauge',
  value,
});

/** The series of a server that an instance calls. */
const OF_SERVER: readonly Series[] = [
  counter(
    'connmeter_requests_total',
    { connmeter_connection_reused: 'true' },
    ({ requests, opened }) => requests - opened,
  ),
  counter('connmeter_requests_total', { connmeter_connection_reused: 'false' }, ({ opened }) => opened),
  counter('connmeter_connection_opened_total', { connmeter_open_cause: 'first' }, () => 0),
  counter('connmeter_connection_opened_total', { connmeter_open_cause: 'new_pool' }, () => 0),
  counter('connmeter_connection_opened_total', { connmeter_open_cause: 'pool_busy' }, ({ opened }) => opened / 2),
  counter(
    'connmeter_connection_opened_total',
    { connmeter_open_cause: 'replaced', connmeter_close_reason: 'client_idle_timeout' },
    ({ opened }) => opened / 2,
  ),
  counter(
    'connmeter_connection_closed_total',
    { network_protocol_name: 'http', connmeter_close_reason: 'client_idle_timeout' },
    ({ opened }) => opened,
  ),
  counter('connmeter_connection_requests_bucket', { le: '1' }, ({ oneShot = 0 }) => oneShot),
  counter('connmeter_connection_requests_count', {}, ({ opened }) => opened),
  counter('connmeter_setup_wasted_total', {}, ({ oneShot = 0 }) => oneShot / 50),
  failure('connect', 'ECONNREFUSED', ({ refused = 0 }) => refused),
  failure('connect', 'ETIMEDOUT', ({ unanswered = 0 }) => unanswered),
  failure('connect', 'EADDRNOTAVAIL', () => 0),
  failure('tls', 'CERT_HAS_EXPIRED', ({ tlsFailed = 0 }) => tlsFailed),
  failure('proxy', '407', () => 0),
  gauge('connmeter_connection_pending', { connmeter_phase: 'connect' }, ({ pending = 0 }) => pending),
  counter('connmeter_tls_handshake_duration_count', { tls_resumed: 'true' }, ({ opened, fullHandshakes = 0 }) =>
    Math.max(0, opened - fullHandshakes),
  ),
  counter(
    'connmeter_tls_handshake_duration_count',
    { tls_resumed: 'false' },
    ({ fullHandshakes = 0 }) => fullHandshakes,
  ),
  gauge('http_client_open_connections', { http_connection_state: 'active' }, () => 5),
  gauge('http_client_open_connections', { http_connection_state: 'idle' }, ({ opened }) => opened),
  gauge('connmeter_body_held', {}, ({ held = 0 }) => held),
  counter('connmeter_pool_saturated_total', {}, ({ saturated = 0 }) => saturated),
  counter(
    'connmeter_requests_failed_total',
    { connmeter_connection_reused: 'true', error_type: 'closed' },
    ({ raced = 0 }) => raced,
  ),
];

function failure(phase: string, error: string, value: Series['value']): Series {
  return counter('connmeter_connection_failed_total', { connmeter_phase: phase, error_type: error }, value);
}

/** The series of a name that an instance looks up. */
const OF_NAME: readonly Series[] = [
  counter('dns_lookup_duration_bucket', { le: '0.005' }, ({ opened, slowLookups = 0 }) =>
    Math.max(0, opened - slowLookups),
  ),
  counter('dns_lookup_duration_bucket', { le: '0.5' }, ({ opened, slowLookups = 0 }) =>
    Math.max(0, opened - slowLookups),
  ),
  counter('dns_lookup_duration_bucket', { le: '1' }, ({ opened }) => opened),
  counter('dns_lookup_duration_bucket', { le: '+Inf' }, ({ opened }) => opened),
  counter('dns_lookup_duration_count', {}, ({ opened }) => opened),
  counter('dns_lookup_duration_count', { error_type: 'ENOTFOUND' }, ({ failedLookups = 0 }) => failedLookups),
];

const OF_DATABASE: readonly Series[] = [
  counter('connmeter_connection_opened_total', { connmeter_open_cause: 'first' }, () => 0),
  counter(
    'connmeter_connection_closed_total',
    { connmeter_close_reason: 'client_closed' },
    ({ databaseChecks = 0 }) => databaseChecks,
  ),
  gauge('connmeter_open_connections', {}, () => 10),
];

/** The series of the server of an instance, which is behind a proxy that leaves first. */
const OF_LISTENER: readonly Series[] = [
  counter('connmeter_server_connection_accepted_total', {}, ({ accepted = 0 }) => accepted),
  ...(['client_closed_idle', 'keep_alive_timeout', 'keep_alive_hint_too_short'] as const).map(reason =>
    counter('connmeter_server_connection_closed_total', { connmeter_close_reason: reason }, ({ accepted = 0 }) =>
      reason === 'client_closed_idle' ? accepted / 2 : accepted / 4,
    ),
  ),
  counter('connmeter_server_connection_duration_bucket', { le: '30' }, ({ accepted = 0 }) => accepted / 2),
  counter('connmeter_server_connection_duration_count', {}, ({ accepted = 0 }) => accepted),
  counter(
    'connmeter_server_requests_total',
    { connmeter_connection_reused: 'true' },
    ({ received = 0, accepted = 0 }) => received - accepted,
  ),
  counter('connmeter_server_requests_total', { connmeter_connection_reused: 'false' }, ({ accepted = 0 }) => accepted),
  ...(['client', 'server'] as const).map(end =>
    counter(
      'connmeter_server_connection_idle_time_count',
      { connmeter_client_proxied: 'true', connmeter_idle_end: end },
      ({ accepted = 0 }) => accepted / 2,
    ),
  ),
];

const OF_PROCESS: readonly Series[] = [
  gauge('connmeter_dns_pending', {}, () => 0),
  gauge('connmeter_processes', {}, () => 2),
  gauge('connmeter_ports_time_wait', {}, ({ timeWait = 0 }) => timeWait),
  gauge('connmeter_ports_ephemeral', {}, () => 28_232),
];

/** The values of a series in each minute, for promtool. A counter that starts again begins at zero. */
function valuesOf({ kind, value }: Series, { at }: Instance, factor: number): string {
  let total = 0;
  const values = Array.from({ length: MINUTES + 1 }, (_, minute) => {
    const before = minute === 0 ? undefined : at(minute - 1);
    const now = at(minute);
    if (now === undefined) return before === undefined ? '_' : 'stale';
    if (kind === 'gauge') return value(now) * factor;
    total = before === undefined ? 0 : total + value(now) * factor;
    return total;
  });
  return inPromtoolNotation(values);
}

/** `1 2 3 3 3` as `1+1x2 3x1`. */
function inPromtoolNotation(values: readonly (number | string)[]): string {
  const parts: string[] = [];
  for (let index = 0; index < values.length; ) {
    const value = values[index] ?? '_';
    let end = index + 1;
    if (typeof value === 'string') {
      while (values[end] === value && value === '_') end++;
      parts.push(value === '_' ? `_x${end - index}` : value);
    } else {
      const next = values[end];
      const step = typeof next === 'number' ? rounded(next - value) : 0;
      while (typeof values[end] === 'number' && rounded(Number(values[end]) - Number(values[end - 1])) === step) end++;
      const times = end - index - 1;
      parts.push(
        times === 0
          ? `${rounded(value)}`
          : `${rounded(value)}${step === 0 ? '' : `+${step}`}x${times}`.replace('+-', '-'),
      );
    }
    index = end;
  }
  return parts.join(' ');
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function seriesOf({ job, instances, servers = ['a.test'] }: Service): string[] {
  const lines = (instance: Instance, all: readonly Series[], labels: Labels, factor = 1) =>
    all.map(series => {
      const text = Object.entries({ job, instance: instance.name, ...labels, ...series.labels })
        .map(([label, value]) => `${label}="${value}"`)
        .join(',');
      return `      - series: ${series.name}{${text}}\n        values: ${valuesOf(series, instance, factor)}\n`;
    });

  return instances.flatMap(instance => {
    const target = Array.from({ length: MINUTES + 1 }, (_, minute) =>
      instance.at(minute) !== undefined ? 1 : instance.isStatic ? 0 : '_',
    );
    return [
      `      - series: up{job="${job}",instance="${instance.name}"}\n        values: ${inPromtoolNotation(target)}\n`,
      ...lines(instance, OF_PROCESS, {}),
      ...lines(instance, OF_LISTENER, { server_address: '::', server_port: '8080' }),
      ...lines(instance, OF_DATABASE, { server_address: 'db.test', server_port: '5432' }),
      ...servers.flatMap(name => {
        const isOther = name === '_OTHER';
        const address = { server_address: name, ...(!isOther && { server_port: '443' }) };
        return [
          ...lines(instance, OF_SERVER, address, isOther ? 600 : 1),
          ...lines(instance, OF_NAME, { dns_question_name: name }, isOther ? 600 : 1),
        ];
      }),
    ];
  });
}

/** The file of unit tests. */
export function servicesFile(): string {
  const tests = SERVICES.map(
    service => `  - name: ${service.name}
    interval: 1m
    input_series:
${seriesOf(service).join('')}    promql_expr_test:
      - expr: count by (alertname, server_address) (count_over_time(ALERTS{alertstate="firing"}[${MINUTES}m]))
        eval_time: ${MINUTES}m
      # every recorded series has a value, so the alerts had something to look at
      - expr: count(count by (__name__) ({__name__=~"job(_[a-z]+)*:.+"}))
        eval_time: ${service.busyAt}m
        exp_samples: [{ value: ${Object.keys(RECORDED).length} }]
`,
  );
  return `# Services without a fault, in which no alert may fire. Generated by \`node test/rules/services.ts\`. Do not edit.
rule_files: [../../dashboards/rules/connmeter.yaml]
group_eval_order: [connmeter.recording, connmeter.alerts]
evaluation_interval: 1m

tests:
${tests.join('\n')}`;
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, 'services.test.yaml'), servicesFile());
