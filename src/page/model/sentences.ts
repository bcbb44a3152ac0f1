import type { Finding, Overview } from '../../explain/overview.ts';
import type { Advice } from '../../metrics/advice.ts';
import { count, counted, duration } from './format.ts';
import { originName } from './names.ts';

/** How much a finding has cost. */
export function costOf({ count: cost, of, seconds, kind }: Finding): string {
  const connections = `${count(cost)} of ${counted(of, kind.startsWith('failed_') ? 'attempt' : 'connection')}`;
  return seconds > 0 ? `${connections}, ${duration(seconds)} lost` : connections;
}

export function adviceSentence(advice: Advice): string {
  const { kind, seconds, observations } = advice;
  const seen = `(seen ${observations === 1 ? 'once' : `${count(observations)} times`})`;
  return kind === 'client_idle_timeout'
    ? `${originName(advice)} closes idle connections after ${duration(seconds)}, before this client does ${seen}. Close them earlier here:`
    : `The server of this process at ${originName(advice)} closes idle connections of its proxy after ${duration(seconds)}, before the proxy does ${seen}. Keep them longer:`;
}

/** How many there are, and how many of them are shown. */
export function shownOf(shown: number, all: number, noun: string): string {
  return shown === all ? counted(all, noun) : `${count(shown)} of ${counted(all, noun)}`;
}

/** What to do if there are more than are shown. */
export function notShown(more: number, noun: string): string {
  return `${counted(more, `more ${noun}`)} ${more === 1 ? 'is' : 'are'} not shown. Filter by origin to find ${more === 1 ? 'it' : 'them'}.`;
}

/** Where the numbers come from. */
export function scopeOf({ processes, threads }: Pick<Overview, 'processes' | 'threads'>): string {
  const others = threads > processes ? `, ${counted(threads, 'thread')}` : '';
  return counted(processes, 'process', 'processes') + others;
}

/** A link of a finding; undefined if it is not one of the web, so it must not be followed. */
export function webLink(link: string): string | undefined {
  if (!URL.canParse(link)) return undefined;
  const { protocol, href } = new URL(link);
  return protocol === 'https:' || protocol === 'http:' ? href : undefined;
}
