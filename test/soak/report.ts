import { givenUp, growth, heapThirds, megabytes, reached, runChecks, sent, sumOf } from './checks.ts';
import { SERVERS, type SoakResult } from './plan.ts';
import { total } from './seen-values.ts';

/** The report of a soak: jobs, faults, the counts of each side, and the checks. */
export function report(soaked: SoakResult): string {
  const { plan, node, client, servers, faults } = soaked;
  const checks = runChecks(soaked);
  const bad = checks.filter(({ holds }) => !holds);
  const jobs = client.endings.reduce((sum, { done, failed }) => sum + done + sumOf(Object.values(failed)), 0);
  const requests = total(client.metrics, 'connmeter.requests');
  return [
    `Soak of ${client.seconds.toFixed(0)} s on Node ${node}, seed ${plan.seed}`,
    '',
    `${jobs} jobs (${perSecond(jobs, client.seconds)} of ${plan.rate}), ${requests} requests (${perSecond(requests, client.seconds)})`,
    ...client.endings.map(({ kind, done, failed }) =>
      `  ${kind.padEnd(40)} ${String(done).padStart(8)} done  ${inWords(failed)}`.trimEnd(),
    ),
    '',
    `Faults for all: ${inWords({ ...faults, ...client.faults })}`,
    '',
    `${'Counts'.padEnd(12)}${['reached', 'given up', 'accepts', 'requests', 'heard'].map(word => word.padStart(12)).join('')}`,
    ...SERVERS.map(
      name =>
        `  ${name.padEnd(10)}${cells(reached(soaked, name), givenUp(soaked, name), servers[name].accepts, sent(soaked, name), servers[name].requests)}`,
    ),
    `  kernel: ActiveOpens ${growth(soaked).activeOpens}, PassiveOpens ${growth(soaked).passiveOpens}`,
    '',
    `Causes: ${inWords(byLabel(soaked, 'connmeter.connection.opened', 'connmeter.open.cause'))}`,
    `Reasons: ${inWords(byLabel(soaked, 'connmeter.connection.closed', 'connmeter.close.reason'))}`,
    `Failures: ${inWords(byLabel(soaked, 'connmeter.connection.failed', 'connmeter.phase', 'error.type'))}`,
    `Of which unknown: ${unknown(soaked)}`,
    `Most at once: ${inWords(client.most)}`,
    ...client.heaps.map(heap => {
      const { first, middle, last } = heapThirds(heap);
      return `Heap by thirds: ${[first, middle, last].map(megabytes).join(', ')}`;
    }),
    `${client.series} series, ${client.scrapes} scrapes`,
    '',
    ...checks.map(({ what, ours, truth, holds }) => `${holds ? 'ok  ' : 'BAD '} ${what}: ${ours} (${truth})`),
    '',
    bad.length === 0
      ? `All ${checks.length} checks hold.`
      : `${bad.length} of ${checks.length} checks do NOT hold. Again: npm run soak --${plan.everything ? ' --everything' : ''} --minutes ${plan.seconds / 60} --rate ${plan.rate} --seed ${plan.seed}`,
  ].join('\n');
}

function byLabel({ client }: SoakResult, metric: string, ...labels: string[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { attributes, value } of client.metrics[metric] ?? []) {
    if (value === 0) continue;
    const key = labels.map(label => attributes[label]).join(' ');
    sums[key] = (sums[key] ?? 0) + value;
  }
  return sums;
}

function unknown(soaked: SoakResult): string {
  const { unknown: causes = 0 } = byLabel(soaked, 'connmeter.connection.opened', 'connmeter.open.cause');
  const { unknown: reasons = 0 } = byLabel(soaked, 'connmeter.connection.closed', 'connmeter.close.reason');
  return `${causes} causes, ${reasons} reasons`;
}

function inWords(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([what, count]) => `${what} ${count}`)
    .join(', ');
}

function perSecond(count: number, seconds: number): string {
  return `${(count / seconds).toFixed(0)}/s`;
}

function cells(...counts: number[]): string {
  return counts.map(count => String(count).padStart(12)).join('');
}
