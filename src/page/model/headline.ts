import type { Finding, Overview } from '../../explain/overview.ts';
import { counted, duration } from './format.ts';
import { originKey } from './names.ts';
import { totalsOf } from './rates.ts';
import { isFailure } from './words.ts';

export interface Headline {
  readonly text: string;
  /** The same without figures that grow all the time: a screen reader says it again only if this changes. */
  readonly spoken: string;
}

/** The state of all connections, in one sentence. */
export function headlineOf({ origins, findings, live }: Pick<Overview, 'origins' | 'findings' | 'live'>): Headline {
  const [failing, wasting] = [
    findings.filter(({ kind }) => isFailure(kind)),
    findings.filter(({ kind }) => !isFailure(kind)),
  ];
  const waste = wasteOf(wasting);
  const failure = failing.length === 0 ? '' : failureOf(serversOf(failing));
  if (findings.length > 0) {
    const seconds = wasting.reduce((sum, each) => sum + each.seconds, 0);
    const lost = waste !== '' && seconds > 0 ? `: ${duration(seconds)} lost` : '';
    return { text: joined(waste + lost, failure), spoken: joined(waste, failure) };
  }
  const isEmpty = live.length === 0 && origins.every(hasSeenNothing);
  return same(isEmpty ? 'connmeter has seen no connections yet' : 'No wasted connections');
}

function wasteOf(findings: readonly Finding[]): string {
  const servers = serversOf(findings);
  return servers === 0 ? '' : `${counted(servers, 'server')} ${servers === 1 ? 'wastes' : 'waste'} connections`;
}

function failureOf(servers: number): string {
  return `connections to ${counted(servers, 'server')} fail`;
}

function joined(waste: string, failure: string): string {
  if (waste === '') return failure.replace(/^c/, 'C');
  return failure === '' ? waste : `${waste}; ${failure}`;
}

function serversOf(findings: readonly Finding[]): number {
  return new Set(findings.map(originKey)).size;
}

function hasSeenNothing(origin: Overview['origins'][number]): boolean {
  const { opened, failed, fresh, reused } = totalsOf(origin);
  const { active, idle, opening } = origin.now;
  return opened + failed + fresh + reused + active + idle + opening === 0;
}

function same(text: string): Headline {
  return { text, spoken: text };
}
