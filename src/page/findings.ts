import type { Finding } from '../explain/overview.ts';
import { copyButton } from './copy-button.ts';
import { byId, make, setForeignText, setHidden, setText } from './dom.ts';
import { originKey, originName } from './model/names.ts';
import { FIRST_FINDINGS, MAX_FINDINGS } from './model/order.ts';
import { costOf, shownOf, webLink } from './model/sentences.ts';
import { isFailure, kindWords } from './model/words.ts';
import { type Row, Rows } from './rows.ts';

/** The findings, the worst first: what happens, where, and the fix. The first few, until somebody wants to see more. */
export function findingsSection(redraw: () => void): (findings: readonly Finding[]) => Iterable<void> {
  const [section, more] = [byId('findings'), byId('findings-more')];
  const rows = new Rows(byId('findings-list'), findingRow);
  let isWhole = false;
  more.addEventListener('click', () => {
    isWhole = !isWhole;
    redraw();
  });
  return findings => {
    const drawn = findings.slice(0, isWhole ? MAX_FINDINGS : FIRST_FINDINGS);
    setText(byId('findings-count'), shownOf(drawn.length, findings.length, 'finding'));
    setHidden(section, findings.length === 0);
    setHidden(more, findings.length <= FIRST_FINDINGS);
    setText(more, isWhole ? 'Show fewer findings' : `Show ${moreFindings(findings.length)} more findings`);
    more.ariaExpanded = String(isWhole);
    return rows.show(drawn, finding => `${originKey(finding)} ${finding.kind}`);
  };
}

function moreFindings(all: number): number {
  return Math.min(all, MAX_FINDINGS) - FIRST_FINDINGS;
}

function findingRow(): Row<Finding> {
  const [origin, kind, cost, what] = [
    make('span', 'origin'),
    make('span', 'kind'),
    make('p', 'cost'),
    make('span', 'what'),
  ];
  const sites = make('span', 'sites');
  const fix = make('code');
  const button = copyButton(fix);
  const link = make('a', 'about');
  link.target = '_blank';
  link.rel = 'noopener noreferrer';
  const element = make(
    'li',
    'finding',
    make('h3', '', origin, ' ', kind),
    cost,
    make('p', 'story', what, ' ', sites),
    make('div', 'fix', make('pre', '', fix), button, link),
  );
  let shownSites = '';
  return {
    element,
    update(finding) {
      const name = originName(finding);
      setText(origin, name);
      setText(kind, kindWords(finding.kind));
      setText(cost, costOf(finding));
      setForeignText(what, finding.what);
      setForeignText(fix, finding.fix);
      button.ariaLabel = `Copy the fix for ${name}`;
      element.classList.toggle('failure', isFailure(finding.kind));

      const sitesNow = finding.sites.join('\n');
      if (sitesNow !== shownSites) {
        const codes = finding.sites.map(site => {
          const code = make('code');
          setForeignText(code, site);
          return code;
        });
        sites.replaceChildren('At ', ...codes.flatMap((code, index) => (index === 0 ? [code] : [', ', code])));
        shownSites = sitesNow;
      }
      setHidden(sites, finding.sites.length === 0);

      const href = webLink(finding.link);
      setHidden(link, href === undefined);
      if (href !== undefined && link.href !== href) link.href = href;
      setForeignText(link, `About ${finding.kind}`);
    },
  };
}
