import type { Sample } from './exposition.ts';
import { inWords } from './words.ts';

/** What one interval told about one origin. Rates are per second; undefined where nothing of the kind happened. */
export interface Row {
  readonly origin: string;
  readonly requests: number;
  readonly reuse: number | undefined;
  readonly opened: number;
  /** What most connections were opened for: their cause, or the reason why the one before was lost. */
  readonly why: string | undefined;
  readonly connect: number | undefined;
  readonly tls: number | undefined;
  readonly failures: ReadonlyMap<string, number>;
}

export interface Interval {
  readonly rows: readonly Row[];
  /** DNS counts by name, not by origin: ports of one host share it. */
  readonly lookups: ReadonlyMap<string, number>;
}

/** What happened between two scrapes; an empty first one stands for the start of the program. */
export function intervalOf(before: readonly Sample[], after: readonly Sample[], seconds: number): Interval {
  const earlier = new Map(before.map(sample => [keyOf(sample), sample.value]));
  const grown = after.map(sample => ({ ...sample, value: sample.value - (earlier.get(keyOf(sample)) ?? 0) }));
  // what is held now is a state, and tells more than how it grew
  const held = new Set(after.filter(({ name, value }) => name === 'connmeter_body_held' && value > 0).map(originOf));

  const byOrigin = new Map<string, Sample[]>();
  const lookups = new Map<string, number>();
  for (const sample of grown) {
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
    why: held ? 'body_held' : whyOf(samples),
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

function whyOf(samples: readonly Sample[]): string | undefined {
  const opened = samples.filter(({ name, value }) => name === 'connmeter_connection_opened_total' && value > 0);
  const [most] = opened.toSorted((a, b) => b.value - a.value);
  return most?.labels['connmeter_close_reason'] ?? most?.labels['connmeter_open_cause'];
}

function keyOf({ name, labels }: Sample): string {
  return name + JSON.stringify(labels);
}

type Verdict = 'healthy' | 'wasteful' | 'failing' | 'quiet';

function verdictOf({ requests, reuse, failures }: Row): Verdict {
  if (failures.size > 0) return 'failing';
  if (requests === 0 || reuse === undefined) return 'quiet';
  return reuse < 0.9 ? 'wasteful' : 'healthy';
}

const COLOURS: Readonly<Record<Verdict, string>> = { healthy: '32', wasteful: '31', failing: '33', quiet: '2' };

/** The verdict in words: what to do about it, or what fails. */
function verdictInWords(row: Row): string {
  const verdict = verdictOf(row);
  if (verdict === 'wasteful' && row.why !== undefined) return inWords(row.why);
  if (verdict === 'failing')
    return Array.from(row.failures, ([what, rate]) => `${rate.toFixed(1)}/s fail: ${what}`).join(', ');
  return verdict;
}

const HEADINGS = ['caller', 'origin', 'requests/s', 'reuse', 'new conn/s', 'connect ms', 'TLS ms', 'verdict'];
const NUMBERS = new Set([2, 3, 4, 5, 6]);

/** The table as lines of text; `callers` names origins and gives their order. Findings of the whole run stand below it. */
export function linesOf(
  { rows, lookups }: Interval,
  callers: ReadonlyMap<string, string>,
  findings: readonly string[],
  colours: boolean,
): string[] {
  const order = [...callers.keys()];
  const sorted = rows.toSorted((a, b) => order.indexOf(a.origin) - order.indexOf(b.origin));
  const cells = sorted.map(row => [
    callers.get(row.origin) ?? '',
    row.origin,
    row.requests.toFixed(1),
    row.reuse === undefined ? '-' : `${Math.floor(row.reuse * 100)} %`,
    row.opened.toFixed(1),
    milliseconds(row.connect),
    milliseconds(row.tls),
    verdictInWords(row),
  ]);
  const widths = HEADINGS.map((heading, column) =>
    Math.max(heading.length, ...cells.map(row => row[column]?.length ?? 0)),
  );
  const aligned = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        NUMBERS.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();

  const names = Array.from(lookups, ([name, rate]) => `${name} ${rate.toFixed(1)}`);
  return [
    painted(aligned(HEADINGS), '1', colours),
    ...sorted.map((row, index) => painted(aligned(cells[index] ?? []), COLOURS[verdictOf(row)], colours)),
    `DNS lookups/s, by name: ${names.join(', ') || 'none'}`,
    'Causes, and how to fix them: docs/causes.md',
    ...(findings.length > 0 ? ['', 'Since the start:', ...findings.map(finding => `  ${finding}`)] : []),
  ];
}

function milliseconds(seconds: number | undefined): string {
  return seconds === undefined ? '-' : (seconds * 1000).toFixed(1);
}

function painted(text: string, colour: string, colours: boolean): string {
  return colours ? `\x1b[${colour}m${text}\x1b[0m` : text;
}
