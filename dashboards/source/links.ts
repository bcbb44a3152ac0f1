/** The address of the docs. */
export const DOCS = 'https://github.com/connmeter/connmeter/blob/main/docs';

/** The Grafana of docker-compose.yml. docs/deploy.md says how to put in your own. */
export const GRAFANA = 'http://localhost:13000';

/** The runbook of an alert. */
export function runbookOf(alert: string): string {
  return `${DOCS}/runbooks/${alert}.md`;
}

/** What a click on a series or a cell opens. */
export interface Link {
  readonly title: string;
  readonly url: string;
  readonly targetBlank?: boolean;
}

/** Opens the main dashboard. `set` gives variables a value; the data source, where it runs and the variables in `keep` stay as they are. */
export function mainDashboardWith(set: Readonly<Record<string, string>>, keep: readonly string[] = []): Link {
  const parameters = [
    ...Object.entries(set).map(([variable, from]) => `var-${variable}=\${${from}:percentencode}`),
    ...['datasource', 'cluster', 'namespace', ...keep].map(variable => `\${${variable}:queryparam}`),
    '$__url_time_range',
  ];
  return { title: 'Show only this', url: `/d/connmeter?${parameters.join('&')}` };
}

/** Opens the main dashboard with only the server of the series. */
export const SERVER_OF_SERIES = mainDashboardWith({ server: '__field.labels.server_address' }, ['job', 'instance']);

/** The prefixes of the anchors of reasons in docs/causes.md, and the label that each explains. Servers have their own reasons. */
const LABELS = {
  reason: 'connmeter_close_reason',
  served: 'connmeter_close_reason',
} as const;

/** The label that has the anchor of a series in docs/causes.md, where the query adds it. */
export const ANCHOR = 'anchor';

/** Opens the section of docs/causes.md whose anchor the series has. */
export const EXPLANATION_OF_SERIES: Link = {
  title: 'Meaning and fix',
  url: `${DOCS}/causes.md#\${__field.labels.${ANCHOR}}`,
  targetBlank: true,
};

/** Opens the section of docs/causes.md about the reason of the series. */
export function explanationOf(kind: keyof typeof LABELS): Link {
  return {
    title: 'Meaning and fix',
    url: `${DOCS}/causes.md#${kind}-\${__field.labels.${LABELS[kind]}}`,
    targetBlank: true,
  };
}
