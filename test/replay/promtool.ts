import { execFile } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parse } from 'yaml';
import type { Samples } from './timeline.ts';

/** An alert of one service during a replay. Times are in minutes. */
export interface Fired {
  readonly alert: string;
  readonly severity: string;
  readonly job: string;
  /** The labels that are left: the server, the name, the instance. */
  readonly of: string;
  readonly first: number;
  readonly last: number;
  readonly minutes: number;
}

interface Rules {
  readonly groups: readonly { name: string; rules: readonly { alert?: string; expr: string }[] }[];
}

export const readRules = (path: string): Rules => parse(readFileSync(path, 'utf8'));

export const alertsIn = ({ groups }: Rules): string[] =>
  groups.flatMap(({ rules }) => rules.flatMap(({ alert = [] }) => alert));

/** Whether a rule queries a series. The templates of alerts query more, but nobody reads them here. */
export function isQueried({ groups }: Rules): (name: string, labels?: Readonly<Record<string, string>>) => boolean {
  const queries = groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)).join('\n');
  const words = new Set(queries.match(/[a-z_:][\w:]*/gi));
  // Of most histograms, rules use one bucket.
  const onlyBuckets = new Map<string, RegExp>();
  for (const [, name = '', le = ''] of queries.matchAll(/(\w+_bucket)\{[^}]*\ble=~?"([^"]*)"/g)) {
    onlyBuckets.set(name, new RegExp(`${onlyBuckets.has(name) ? `${onlyBuckets.get(name)?.source}|` : ''}^(${le})$`));
  }
  return (name, labels = {}) => {
    const { le } = labels;
    return words.has(name) && (le === undefined || (onlyBuckets.get(name)?.test(le) ?? true));
  };
}

/** Evaluates the rules each minute of the replay with promtool, and returns the alerts that fired. */
export async function firedAlerts(rulesPath: string, samples: Samples, interval: number): Promise<Fired[]> {
  const folder = mkdtempSync(join(tmpdir(), 'connmeter-replay-'));
  try {
    const file = join(folder, 'replay.yaml');
    await pipeline(Readable.from(testFile(rulesPath, samples, interval)), createWriteStream(file));
    return parseOutput(await run('promtool', 'test', 'rules', file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** promtool shows the result of a query only where it is not as expected. */
const AGGREGATES = ['min', 'max', 'count'] as const;

function* testFile(rulesPath: string, samples: Samples, interval: number): Generator<string> {
  const groups = readRules(rulesPath).groups.map(({ name }) => name);
  const minutes = Math.floor(((samples.scrapes - 1) * interval) / 60);
  yield `rule_files: [${resolve(rulesPath)}]\n`;
  yield `group_eval_order: [${groups.join(', ')}]\nevaluation_interval: 1m\ntests:\n  - interval: ${interval}s\n    input_series:\n`;
  yield* samples.lines();
  yield '    promql_expr_test:\n';
  // A series of its own makes every query fail, so that promtool shows the results.
  for (const name of AGGREGATES) {
    const expr = `label_replace(${name}_over_time(timestamp(ALERTS{alertstate="firing"})[${minutes}m:1m]), "replayed", "${name}", "", "") or label_replace(vector(0), "replayed", "${name}", "", "")`;
    yield `      - expr: ${JSON.stringify(expr)}\n        eval_time: ${minutes}m\n`;
  }
}

function run(program: string, ...args: string[]): Promise<string> {
  return new Promise(resolve => {
    execFile(program, args, { maxBuffer: 2 ** 28 }, (_error, stdout, stderr) => resolve(stdout + stderr));
  });
}

const SAMPLE = /\{([^{}]*)\} ([-+.\dE]+)/g;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
const WITHOUT_MEANING = ['alertstate', 'alertname', 'severity', 'job', 'namespace', 'replayed'];

function parseOutput(output: string): Fired[] {
  const found = new Map<string, { labels: Record<string, string>; values: Record<string, number> }>();
  const asked = new Set<string>();
  for (const [, text = '', value = ''] of output.matchAll(SAMPLE)) {
    const labels = Object.fromEntries(Array.from(text.matchAll(LABEL), ([, name = '', value = '']) => [name, value]));
    const { replayed = '', ...others } = labels;
    asked.add(replayed);
    if (others['alertname'] === undefined) continue;

    const key = JSON.stringify(others);
    const entry = found.get(key) ?? { labels: others, values: {} };
    entry.values[replayed] = Number(value);
    found.set(key, entry);
  }
  for (const name of AGGREGATES) if (!asked.has(name)) throw new Error(`promtool: ${output.slice(0, 2_000)}`);

  return Array.from(found.values(), ({ labels, values }) => ({
    alert: labels['alertname'] ?? '',
    severity: labels['severity'] ?? '',
    job: labels['job'] ?? '',
    of: Object.entries(labels)
      .filter(([name]) => !WITHOUT_MEANING.includes(name))
      .map(([, value]) => value)
      .join(' '),
    first: (values['min'] ?? 0) / 60,
    last: (values['max'] ?? 0) / 60,
    minutes: values['count'] ?? 0,
  })).sort((a, b) => a.alert.localeCompare(b.alert) || a.job.localeCompare(b.job) || a.first - b.first);
}
