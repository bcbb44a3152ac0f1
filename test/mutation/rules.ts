// Changes one part of the expression of an alert at a time, and checks that promtool's tests of that alert fail:
// npm run mutate:rules -- [alert ...]. If its own file passes, the services without a fault have to fail.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { rulesFile } from '../../dashboards/source/rules/rules-file.ts';
import { mutantsOfExpression } from './rule-mutants.ts';

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Mutant {
  readonly alert: string;
  readonly what: string;
  readonly expr: string;
}

const TESTS = join(import.meta.dirname, '../rules');
const GROUPS = ['connmeter.recording', 'connmeter.alerts'] as const;
const [recording = [], alerts = []] = (parse(rulesFile('pull')).groups as { rules: Rule[] }[]).map(
  ({ rules }) => rules,
);

const asked = process.argv.slice(2);
const all: Mutant[] = alerts.flatMap(({ alert = '', expr }) =>
  asked.length === 0 || asked.includes(alert) ? mutantsOfExpression(expr).map(mutant => ({ alert, ...mutant })) : [],
);
if (all.length === 0) throw new Error(`There is no alert ${asked}`);
console.log(`${all.length} mutants`);

const folder = mkdtempSync(join(tmpdir(), 'connmeter-rule-mutants-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const left = [...all];
const counts = { killed: 0, survived: 0, invalid: 0 };
await Promise.all(Array.from({ length: availableParallelism() }, (_, worker) => work(worker)));
console.log(
  Object.entries(counts)
    .map(([result, count]) => `${count} ${result}`)
    .join(', '),
);
process.exitCode = counts.survived > 0 ? 1 : 0;

async function work(worker: number): Promise<void> {
  for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
    const result = await resultOf(mutant, `${worker}`);
    counts[result]++;
    if (result === 'survived') console.log(`survived  ${mutant.alert}: ${mutant.what}`);
  }
}

async function resultOf(mutant: Mutant, worker: string): Promise<keyof typeof counts> {
  for (const file of [`${mutant.alert}.test.yaml`, 'silence.test.yaml', 'services.test.yaml']) {
    const tests = readFileSync(join(TESTS, file), 'utf8');
    const rules = join(folder, `${worker}-rules.yaml`);
    const copy = join(folder, `${worker}-test.yaml`);
    writeFileSync(rules, stringify({ groups: rulesFor(mutant, tests) }));
    writeFileSync(copy, tests.replace('../../dashboards/rules/connmeter.yaml', rules));
    if (!(await passes('check', 'rules', rules))) return 'invalid';
    if (!(await passes('test', 'rules', copy))) return 'killed';
  }
  return 'survived';
}

/** The mutant, the other alerts that its own tests name, and the recorded series that these need: others only take time. */
function rulesFor({ alert, expr }: Mutant, tests: string) {
  const isOwn = tests.includes(`alertname: ${alert}`);
  const kept = alerts
    .filter(rule => rule.alert === alert || (isOwn && tests.includes(rule.alert ?? '')))
    .map(rule => (rule.alert === alert ? { ...rule, expr } : rule));
  const needed = new Set<string>();
  let text = JSON.stringify(kept) + (isOwn ? tests : '');
  for (const rule of [...recording].reverse()) {
    if (!text.includes(rule.record ?? '')) continue;
    needed.add(rule.record ?? '');
    text += rule.expr;
  }
  // Other files count all alerts or all series: what is left out there would fail for a reason of its own.
  const series = isOwn ? recording.filter(({ record }) => needed.has(record ?? '')) : recording;
  return [
    { name: GROUPS[0], interval: '1m', rules: series },
    {
      name: GROUPS[1],
      interval: '1m',
      rules: isOwn ? kept : alerts.map(rule => (rule.alert === alert ? { ...rule, expr } : rule)),
    },
  ];
}

function passes(...args: string[]): Promise<boolean> {
  return new Promise(resolve => {
    execFile('promtool', args, { timeout: 300_000 }, error => resolve(error === null));
  });
}
