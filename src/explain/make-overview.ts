import type { ClientSnapshot } from '../client/snapshot.ts';
import type { Reading } from '../metrics/table.ts';
import { findingsOf } from './findings.ts';
import { originsOf } from './origins.ts';
import { OVERVIEW_VERSION, type Overview } from './overview.ts';

/** What one process knows besides its numbers. */
export type Details = Pick<ClientSnapshot, 'live' | 'closed' | 'callSites' | 'advice'>;

const MAX_LIVE = 1_000;
const MAX_CLOSED = 100;
const MAX_SITES = 50;

/** `readings`: the sum of all processes. `details`: of each process. `at`: as `Date.now()`. */
export function makeOverview(readings: readonly Reading[], details: readonly Details[], at: number): Overview {
  const origins = originsOf(readings);
  const callSites = details.flatMap(each => each.callSites).slice(0, MAX_SITES);
  return {
    version: OVERVIEW_VERSION,
    at,
    processes: totalOf(readings, 'connmeter.processes'),
    threads: totalOf(readings, 'connmeter.threads'),
    origins,
    findings: findingsOf({ origins, callSites }),
    live: details.flatMap(({ live }) => live).slice(0, MAX_LIVE),
    closed: details.flatMap(({ closed }) => closed).slice(-MAX_CLOSED),
    callSites,
    advice: details.flatMap(({ advice }) => advice),
  };
}

function totalOf(readings: readonly Reading[], name: string): number {
  const series = readings.find(({ metric }) => metric.name === name)?.series ?? [];
  return series.reduce((sum, each) => sum + ('value' in each ? each.value : 0), 0);
}
