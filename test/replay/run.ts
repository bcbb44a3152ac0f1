// Replays two days of recordings: `npm run replay -- [--rules <path>] [--hours 48] [--seed 1] [--only healthy] [--fault 'DNS slow']`. Prints the alerts that fired.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FAULTS } from './faults.ts';
import { alertsIn, type Fired, readRules } from './promtool.ts';
import { replayFaults, replayHealthy } from './replay.ts';

const { values } = parseArgs({
  options: {
    rules: { type: 'string', default: join(import.meta.dirname, '../../dashboards/rules/connmeter.yaml') },
    hours: { type: 'string', default: '48' },
    seed: { type: 'string', default: '1' },
    fault: { type: 'string', default: '' },
    only: { type: 'string', default: 'healthy,faults' },
  },
});
const { rules } = values;
const faults = Object.fromEntries(Object.entries(FAULTS).filter(([name]) => name.includes(values.fault)));
const hours = Number(values.hours);
const seed = Number(values.seed);
/** In hours. Two alerts compare with the day before, so they are silent in a shorter replay. */
const time: readonly [number, number] =
  hours >= 48 ? [30, 33] : hours > 25 ? [24.5, 25.5] : [hours / 3, (2 * hours) / 3];
console.log(`${rules}, ${hours} h, seed ${seed}`);

const hour = (minutes: number) => (minutes / 60).toFixed(2);
const show = ({ alert, severity, job, of, first, last, minutes }: Fired) =>
  `  ${alert} (${severity}) ${job} ${of}: hour ${hour(first)} to ${hour(last)}, ${minutes} minutes`;

if (values.only.includes('healthy')) {
  const started = performance.now();
  const { fired, series } = await replayHealthy(rules, hours, seed);
  console.log(
    `\nWithout faults: ${series} series, ${Math.round((performance.now() - started) / 1_000)} s. Alerts: ${fired.length}`,
  );
  for (const each of fired) console.log(show(each));
  if (fired.length > 0) process.exitCode = 1;
}

if (values.only.includes('faults')) {
  const started = performance.now();
  const { fired, series } = await replayFaults(rules, faults, hours, time, seed);
  console.log(
    `\nWith faults from hour ${time.map(each => each.toFixed(2)).join(' to ')}: ${series} series, ${Math.round((performance.now() - started) / 1_000)} s`,
  );
  const known = alertsIn(readRules(rules));
  for (const [job, { alerts }] of Object.entries(faults)) {
    const its = fired.filter(each => each.job === job);
    const silent = alerts.filter(alert => known.includes(alert) && !its.some(each => each.alert === alert));
    console.log(`${job}: ${silent.length > 0 ? `SILENT: ${silent.join(', ')}` : 'fires'}`);
    for (const each of its) console.log(show(each) + (alerts.includes(each.alert) ? '' : ' (as well)'));
    if (silent.length > 0) process.exitCode = 1;
  }
  const covered = new Set(Object.values(FAULTS).flatMap(({ alerts }) => alerts));
  console.log(`Alerts without a fault: ${known.filter(name => !covered.has(name)).join(', ') || 'none'}`);
}
