import type { Sample } from './exposition.ts';

/** What happened to one origin in an interval. Rates are per second; `undefined` means that nothing happened. */
export interface Row {
  readonly origin: string;
  readonly requests: number;
  readonly reuse: number | undefined;
  readonly opened: number;
  /** The most frequent cause of new connections, or the reason why the replaced ones closed. */
  readonly topCause: string | undefined;
  readonly connect: number | undefined;
  readonly tls: number | undefined;
  readonly failures: ReadonlyMap<string, number>;
}

export interface Interval {
  readonly rows: readonly Row[];
  /** By name, because the ports of a host share its lookups. */
  readonly lookups: ReadonlyMap<string, number>;
}

/** What happened between two scrapes. Before the first scrape of a program, `before` is empty. */
export function intervalOf(before: readonly Sample[], after: readonly Sample[], seconds: number): Interval {
  const earlier = new Map(before.map(sample => [keyOf(sample), sample.value]));
  const increases = after.map(sample => ({ ...sample, value: sample.value - (earlier.get(keyOf(sample)) ?? 0) }));
  // the current number of held bodies is more useful than its increase
  const held = new Set(after.filter(({ name, value }) => name === 'connmeter_body_held' && value > 0).map(originOf));

  const byOrigin = new Map<string, Sample[]>();
  const lookups = new Map<string, number>();
  for (const sample of increases) {
    const { network_protocol_name, dns_question_name } = sample.labels;
    if (network_protocol_name === 'http') {
      const origin = originOf(sample);
      byOrigin.set(origin, [...(byOrigin.get(origin) ?? []), sample]);
    }
    if (sample.name === 'dns_lookup_duration_count' && dns_question_name !== undefined) {
      lookups.set(dns_question_name, (lookups.get(dns_question_name) ?? 0) + sample.value / seconds);
    }
  }
  return {
    rows: Array.from(byOrigin, ([origin, samples]) => rowOf(origin, samples, seconds, held.has(origin))),
    lookups,
  };
}

function originOf({ labels: { server_address, server_port } }: Sample): string {
  return [server_address, server_port].filter(Boolean).join(':');
}

function rowOf(origin: string, samples: readonly Sample[], seconds: number, held: boolean): Row {
  const sum = (name: string, label?: string, value?: string) =>
    samples
      .filter(sample => sample.name === name && (label === undefined || sample.labels[label] === value))
      .reduce((total, sample) => total + sample.value, 0);
  const average = (name: string) => {
    const count = sum(`${name}_count`);
    return count === 0 ? undefined : sum(`${name}_sum`) / count;
  };

  const requests = sum('connmeter_requests_total');
  const failed = samples.filter(({ name, value }) => name === 'connmeter_connection_failed_total' && value > 0);
  return {
    origin,
    requests: requests / seconds,
    reuse:
      requests === 0 ? undefined : sum('connmeter_requests_total', 'connmeter_connection_reused', 'true') / requests,
    opened: sum('connmeter_connection_opened_total') / seconds,
    topCause: held ? 'body_held' : topCauseOf(samples),
    connect: average('connmeter_connect_duration'),
    tls: average('connmeter_tls_handshake_duration'),
    failures: new Map(
      failed.map(({ labels: { connmeter_phase, error_type }, value }) => [
        `${connmeter_phase} ${error_type}`,
        value / seconds,
      ]),
    ),
  };
}

function topCauseOf(samples: readonly Sample[]): string | undefined {
  const opened = samples.filter(({ name, value }) => name === 'connmeter_connection_opened_total' && value > 0);
  const [top] = opened.toSorted((a, b) => b.value - a.value);
  return top?.labels['connmeter_close_reason'] ?? top?.labels['connmeter_open_cause'];
}

function keyOf({ name, labels }: Sample): string {
  return name + JSON.stringify(labels);
}
