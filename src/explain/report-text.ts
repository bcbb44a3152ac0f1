import { originText, printable } from '../core/origins.ts';
import type { Finding, OriginOverview, Overview } from './overview.ts';

/** The report in words: a headline, and a paragraph for each finding. Lines are as long as they need to be. */
export function reportLines({ findings, origins, advice }: Overview): string[] {
  return [
    headline(origins, findings),
    ...findings.flatMap((finding, index) => ['', ...findingLines(finding, `${index + 1}. `)]),
    ...advice.flatMap(({ kind, seconds, observations, code, ...origin }) => [
      '',
      kind === 'client_idle_timeout'
        ? `Advice: ${originText(origin)} closes idle connections after ${seconds.toFixed(1)} s (${observations} seen). Close them earlier:`
        : `Advice: the server at ${originText(origin)} closes idle connections after ${seconds.toFixed(1)} s, before its proxy does (${observations} seen):`,
      `   ${code}`,
    ]),
  ].map(printable); // names of hosts may come from strangers
}

function findingLines({ what, sites, fix, link, seconds }: Finding, mark: string): string[] {
  const indent = ' '.repeat(mark.length);
  return [
    `${mark}${what}`,
    ...(seconds > 0 ? [`${indent}cost  ${duration(seconds)} of waiting`] : []),
    ...(sites.length > 0 ? [`${indent}at    ${sites.join(', ')}`] : []),
    `${indent}fix   ${fix}`,
    `${indent}see   ${link}`,
  ];
}

function headline(origins: readonly OriginOverview[], findings: readonly Finding[]): string {
  const requests = origins.reduce((sum, { requests: { fresh, reused } }) => sum + fresh + reused, 0);
  const reused = origins.reduce((sum, each) => sum + each.requests.reused, 0);
  const opened = origins.reduce((sum, each) => sum + each.opened.reduce((all, { count }) => all + count, 0), 0);
  if (origins.length === 0) return 'No connections were seen.';

  const seconds = findings.reduce((sum, finding) => sum + finding.seconds, 0);
  const found = findings.length === 0 ? 'No findings' : `${count(findings.length, 'finding')}${cost(seconds)}`;
  const reuse =
    requests === 0 ? '' : `, ${Math.floor((reused / requests) * 100)} % of ${count(requests, 'request')} reused one`;
  return `${found}. ${count(origins.length, 'server')}, ${count(opened, 'new connection')}${reuse}.`;
}

function cost(seconds: number): string {
  return seconds > 0 ? `, ${duration(seconds)} wasted` : '';
}

/** A duration with two digits that matter, such as `41 s` or `3.2 ms`. */
export function duration(seconds: number): string {
  if (seconds >= 100) return `${Math.round(seconds)} s`;
  if (seconds >= 1) return `${seconds.toFixed(1)} s`;
  const milliseconds = seconds * 1_000;
  return `${milliseconds >= 10 ? Math.round(milliseconds) : milliseconds.toFixed(1)} ms`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
