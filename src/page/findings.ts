import type { Finding } from '../explain/overview.ts';
import { copyButton } from './copy-button.ts';
import { byId, make, setForeignText, setHidden, setText } from './dom.ts';
import { originKey, originName } from './model/names.ts';
import { MAX_FINDINGS } from './model/order.ts';
import { costOf, shownOf, webLink } from './model/sentences.ts';
import { isFailure, kindWords } from './model/words.ts';
import { type Row, Rows } from './rows.ts';

/** The findings, the worst first: what happens, where, and the fix. */
export function findingsSection(): (findings: readonly Finding[]) => void {
  const section = byId('findings');
  const rows = new Rows(byId('findings-list'), findingRow);
  return findings => {
    const drawn = findings.slice(0, MAX_FINDINGS);
    rows.show(drawn, finding => `${originKey(finding)} ${finding.kind}`);
    setText(byId('findings-count'), shownOf(drawn.length, findings.length, 'finding'));
    setHidden(section, findings.length === 0);
  };
}

function findingRow(): Row<Finding> {
  const [origin, kind, cost, what] = [
    make('bdi', 'origin'),
    make('span', 'kind'),
    make('p', 'cost'),
    make('p', 'what'),
  ];
  const sites = make('p', 'sites');
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
    what,
    sites,
    make('div', 'fix', make('pre', '', fix), button),
    link,
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
