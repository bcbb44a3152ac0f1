import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { valueMapping } from '../grafana/panel.ts';
import { table } from '../grafana/table.ts';
import { DOCS } from '../links.ts';
import { PLACE } from '../place.ts';
import { labelled } from '../promql.ts';
import { ALERTS } from '../rules/alerts.ts';
import { RECORDED } from '../rules/recorded-series.ts';

/** The label that has the page of an alert, from `docs/` on. */
const PAGE = 'page';
const BY = `${PAGE}, server_address`;
const OURS = `alertname=~"Connmeter.*", ${PLACE}`;

/** What there is to read if no alert fires, and if none can. */
const NONE = 'deploy.md';
const NO_RULES = 'deploy.md#prometheus';

/** Which alerts of connmeter fire now, and for how long each has been true. `zero` has a result while connmeter reports. */
export function firingAlerts(zero: string): Builder<Panel> {
  const paged = (series: string) => labelled(series, PAGE, 'runbooks/$1.md', 'alertname');
  const since = `max by (${BY}) (${paged(`(time() - ALERTS_FOR_STATE{${OURS}})`)})`;
  const firing = `max by (${BY}) (${paged(`ALERTS{${OURS}, alertstate="firing"}`)})`;
  const noneFires = labelled(`0 * count(${RECORDED.instances}{${PLACE}})`, PAGE, NONE);
  const noRules = labelled(zero, PAGE, NO_RULES);
  return table({
    title: 'Alerts',
    size: [6, 9],
    description: {
      what: 'The alerts of connmeter that fire now for the selected jobs, and for how long their conditions have been true. They need the rules of connmeter in Prometheus.',
      good: 'none.',
      bad: 'any. The text of the alert has the numbers and the fix.',
      action: 'click an alert to open its runbook.',
      docs: 'deploy.md',
    },
    unit: 'none',
    noValue: 'connmeter is not reporting',
    sortBy: 'For',
    columns: [
      {
        title: 'Alert',
        label: PAGE,
        options: {
          mappings: [
            valueMapping([
              ...ALERTS.map(({ name }) => ({ value: `runbooks/${name}.md`, text: name.replace('Connmeter', '') })),
              { value: NONE, text: 'No alert fires' },
              { value: NO_RULES, text: 'The rules are not loaded' },
            ]),
          ],
          links: [{ title: 'Runbook', url: `${DOCS}/\${__data.fields.${PAGE}:raw}`, targetBlank: true }],
          'custom.minWidth': 100,
          'custom.cellOptions': { type: 'auto', wrapText: true },
        },
      },
      { title: 'Server', label: 'server_address', options: { 'custom.minWidth': 60 } },
      {
        title: 'For',
        expr: `${since} and on (${BY}) ${firing} or on () ${noneFires} or on () ${noRules}`,
        width: 65,
        options: { unit: 's', decimals: 0 },
      },
    ],
  });
}
