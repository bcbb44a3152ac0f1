import { type Fault, faultyServices } from './faults.ts';
import { healthyFleet } from './fleet.ts';
import { type Fired, firedAlerts, isQueried, readRules } from './promtool.ts';
import { randomNumbers, Samples, SCRAPING } from './timeline.ts';

const HOUR = 3_600;

/** What a replay found, and what it looked at. */
export interface Replayed {
  readonly fired: readonly Fired[];
  readonly series: number;
}

/** Replays a cluster without faults. */
export async function replayHealthy(rules: string, hours: number, seed: number): Promise<Replayed> {
  const random = randomNumbers(seed);
  const samples = new Samples(hours * HOUR, isQueried(readRules(rules)), random);
  for (const life of healthyFleet(hours * HOUR, random)) samples.add(life);
  return { fired: await firedAlerts(rules, samples, SCRAPING.interval), series: samples.series };
}

/** Replays services that have a fault for some hours, and none before and after. */
export async function replayFaults(
  rules: string,
  faults: Readonly<Record<string, Fault>>,
  hours: number,
  [from, to]: readonly [number, number],
  seed: number,
): Promise<Replayed> {
  const samples = new Samples(hours * HOUR, isQueried(readRules(rules)), randomNumbers(seed));
  for (const life of faultyServices(faults, hours * HOUR, [from * HOUR, to * HOUR])) samples.add(life);
  return { fired: await firedAlerts(rules, samples, SCRAPING.interval), series: samples.series };
}
