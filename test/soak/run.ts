// npm run soak -- [--minutes 10] [--rate 2500] [--seed N] [--everything]: runs mixed traffic with faults, and compares the counts of both
// sides. The exit code is 1 if a check fails. See docs/soak.md.
import { parseArgs } from 'node:util';
import { runChecks } from './checks.ts';
import { report } from './report.ts';
import { soak } from './soak.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    rate: { type: 'string' },
    seed: { type: 'string' },
    everything: { type: 'boolean', default: false },
  },
});
const number = (option: 'minutes' | 'rate' | 'seed', fallback: number) => {
  const value = Number(values[option] ?? fallback);
  if (!(value > 0)) throw new RangeError(`--${option} must be a number above zero, got ${values[option]}`);
  return value;
};
const plan = {
  seconds: number('minutes', 10) * 60,
  rate: number('rate', 2_500),
  seed: number('seed', Date.now() % 1_000_000),
  everything: values.everything,
};
console.log(`soaking for ${plan.seconds} s, seed ${plan.seed}`);
const soaked = await soak(plan);
console.log(report(soaked));
process.exitCode = runChecks(soaked).every(({ holds }) => holds) ? 0 : 1;
