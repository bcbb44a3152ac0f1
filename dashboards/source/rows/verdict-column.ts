import { valueMapping } from '../grafana/panel.ts';
import type { Column } from '../grafana/table.ts';
import { DOCS } from '../links.ts';
import { VERDICT, VERDICT_TEXTS } from './verdicts.ts';

/** What is wrong with each server, as a link to its page of the docs. `expr` is a query of `verdicts`. */
export function verdictColumn(expr: string): Column {
  return {
    title: 'Verdict',
    label: VERDICT,
    width: 240,
    expr,
    options: {
      mappings: [valueMapping(VERDICT_TEXTS)],
      links: [{ title: 'Meaning and fix', url: `${DOCS}/\${__data.fields.${VERDICT}:raw}`, targetBlank: true }],
      'custom.cellOptions': { type: 'color-background', mode: 'basic' },
    },
  };
}
