/** Where the docs are read. */
export const DOCS = 'https://github.com/connmeter/connmeter/blob/main/docs';

/** Where a click on a series or a cell leads. */
export interface Link {
  readonly title: string;
  readonly url: string;
  readonly targetBlank?: boolean;
}

/** The main dashboard with some of its variables set, and `datasource` and `keep` as they are here. */
export function mainDashboardWith(set: Readonly<Record<string, string>>, keep: readonly string[] = []): Link {
  const parameters = [
    ...Object.entries(set).map(([variable, from]) => `var-${variable}=\${${from}:percentencode}`),
    ...['datasource', ...keep].map(variable => `\${${variable}:queryparam}`),
    '$__url_time_range',
  ];
  return { title: 'Show it alone', url: `/d/connmeter?${parameters.join('&')}` };
}

/** The server of a series, alone. */
export const THIS_SERVER = mainDashboardWith({ server: '__field.labels.server_address' }, ['job', 'instance']);

/** The labels that docs/causes.md explains, by what its anchors begin with: a server has reasons of its own. */
const EXPLAINED = {
  cause: 'connmeter_open_cause',
  reason: 'connmeter_close_reason',
  served: 'connmeter_close_reason',
} as const;

/** What a cause or a reason means, by the label of a series. */
export function explanationOf(kind: keyof typeof EXPLAINED): Link {
  return {
    title: 'What it means, and the fix',
    url: `${DOCS}/causes.md#${kind}-\${__field.labels.${EXPLAINED[kind]}}`,
    targetBlank: true,
  };
}
