import { type Durations, promDuration } from '../durations.ts';
import { GRAFANA } from '../links.ts';
import { BASIC, CAUSES, type Explanation, REASONS } from './explanations.ts';
import { LEVELS, type Level, RECORDED } from './recorded-series.ts';

// Parts of alert descriptions. Prometheus expands these templates when it sends an alert.
// https://prometheus.io/docs/prometheus/latest/configuration/template_reference/

export const JOB = '{{ $labels.job }}';
const SERVER = '{{ $labels.server_address }}{{ with $labels.server_port }}:{{ . }}{{ end }}';
/** Who connects to which server. */
export const ROUTE = `${JOB} → ${SERVER}`;
/** A server of the job itself. Most listen on all addresses, so the port identifies it. */
export const LISTENER = `${JOB}, {{ with $labels.server_port }}port {{ . }}{{ else }}{{ $labels.server_address }}{{ end }}`;
/** Without it, the lookups of all names are counted together: with `detail: 'basic'`. */
export const NAME = '{{ with $labels.dns_question_name }}{{ . }}{{ else }}all names{{ end }}';

/** 1500 is `1.5k`, but 0.5 stays `0.5`: many people would read `500m` as millions. */
const formatted = (value: string) =>
  `{{ if lt ${value} 1.0 }}{{ printf "%.2g" ${value} }}{{ else }}{{ ${value} | humanize }}{{ end }}`;

/** The value of the alert's expression. */
export const VALUE = formatted('$value');
export const SHARE = '{{ $value | humanizePercentage }}';
export const DURATION = '{{ $value | humanizeDuration }}';

/** Sets `$own` to matchers for the alert's own labels. Comes first in a description that contains a query. */
export function ownMatchers(level: Level): string {
  const labels: readonly string[] = LEVELS[level];
  const matchers = labels.map(label => `${label}=%q`).join(',');
  return `{{ $own := printf \`${matchers}\` ${labels.map(label => `$labels.${label}`).join(' ')} }}`;
}

/**
 * Runs a query when the description is expanded, and writes `text` for each result. Each `%s` stands for the alert's own labels.
 * As a label of the alert, a result such as the top cause would restart the alert each time it changes.
 */
export function query(expr: string, text: string): string {
  const own = '$own '.repeat(expr.split('%s').length - 1);
  return `{{ range printf \`${expr}\` ${own}| query }}${text}{{ end }}`;
}

/** The value of a query's result. */
const RESULT = formatted('.Value');

export const numberOf = (series: string) => query(`${series}{%s}`, RESULT);
export const shareOf = (expr: string) => query(expr, '{{ .Value | humanizePercentage }}');

const EXPLANATIONS: Readonly<Record<string, Explanation>> = { ...CAUSES, ...REASONS, ...BASIC };

/** A template that writes one text for each value that is explained, and another one for all others. */
function choice(variable: string, texts: Readonly<Record<string, string>>, otherwise: string): string {
  const cases = Object.entries(texts).map(([value, text]) => `if eq ${variable} "${value}" }}${text}{{ else `);
  return `{{ ${cases.join('')}}}${otherwise}{{ end }}`;
}

/** The texts of all explanations. */
function explained(text: (explanation: Explanation) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(EXPLANATIONS).map(([value, explanation]) => [value, text(explanation)]));
}

/** Sets `$cause` to the cause of a query's result, or for a replaced connection to the reason why the earlier one closed. */
const CAUSE =
  '{{ $cause := .Labels.connmeter_open_cause }}{{ with .Labels.connmeter_close_reason }}{{ $cause = . }}{{ end }}';

const WHY_OPENED = `topk(1, ${RECORDED.openedByCause}{%s} > 0)`;
const WHY_CLOSED = `topk(1, ${RECORDED.closedByReason}{%s} > 0)`;

/** Begins a description with the cause of most of what a query counts, where it is, what it costs, and the fix. */
function beginWith(expr: string, cost: string): string {
  const texts = explained(({ what, fix }) => {
    const words = `${what.charAt(0).toUpperCase()}${what.slice(1)} ${what.endsWith('in the client') ? 'of' : 'in'}`;
    return `{{ $what = ${JSON.stringify(words)} }}{{ $fix = ${JSON.stringify(fix)} }}`;
  });
  const unexplained = '{{ $what = printf "Connections are not reused (%s) in" $cause }}';
  return [
    '{{ $what := "Connections are not reused in" }}{{ $fix := "" }}',
    query(expr, CAUSE + choice('$cause', texts, unexplained)),
    `{{ $what }} ${ROUTE}: ${cost}.{{ with $fix }} Fix: {{ . }}.{{ end }}`,
  ].join('');
}

export const whyOpened = (cost: string) => beginWith(WHY_OPENED, cost);
export const whyClosed = (cost: string) => beginWith(WHY_CLOSED, cost);

// The texts from here on start with a space, because they are empty if their query has no result.

/** Why most connections are opened. For replaced connections, that is the reason why the earlier ones closed. */
export const TOP_CAUSE = query(
  WHY_OPENED,
  ` Top cause of new connections (${RESULT}/s): ${CAUSE}${choice(
    '$cause',
    explained(({ what, fix }) => `${what}. Fix: ${fix}.`),
    '{{ $cause }}.',
  )}`,
);

export const TOP_NAME = query(
  `topk(1, ${RECORDED.lookupsByName}{%s} > 0)`,
  `{{ if .Labels.dns_question_name }} Most lookups of this job are for {{ .Labels.dns_question_name }} (${RESULT}/s).{{ end }}`,
);

export const TOP_SERVER = query(
  `topk(1, ${RECORDED.opened}{%s} > 0)`,
  ` Most connections go to {{ .Labels.server_address }}{{ with .Labels.server_port }}:{{ . }}{{ end }} (${RESULT}/s).`,
);

/** The share of local ports in TIME_WAIT, for an alert with the label `job`. */
export const PORTS_IN_TIME_WAIT = query(
  `${RECORDED.portsInTimeWait} and on (${LEVELS.job.join(', ')}) ${RECORDED.opened}{%s}`,
  ' Sockets in TIME_WAIT use {{ .Value | humanizePercentage }} of the local ports of a host of this job.',
);

/** The most common error, and its fix, or that of all others. */
export const topError = (
  series: string,
  matchers: string,
  fixes: Readonly<Record<string, string>>,
  otherwise: string,
) => {
  const fix = (text: string) => ` Fix: ${text}.`;
  const texts = Object.fromEntries(Object.entries(fixes).map(([error, text]) => [error, fix(text)]));
  return query(
    `topk(1, ${series}{%s,${matchers}} > 0)`,
    `{{ if .Labels.error_type }} Most common error: {{ .Labels.error_type }} (${RESULT}/s).{{ end }}${choice('.Labels.error_type', texts, fix(otherwise))}`,
  );
};

const INSTANCE = '{{ with .Labels.instance }} Instance: {{ . }}.{{ end }}';

/** The instance where a gauge is highest. */
export const topInstanceByGauge = (gauge: string) => query(`topk(1, sum by (instance) (${gauge}{%s}))`, INSTANCE);

/** The instance where a counter grows fastest. Empty for series without the label `instance`. */
export const topInstanceByRate = (counter: string, { window }: Durations, ...matchers: string[]) =>
  query(
    `topk(1, sum by (instance) (rate(${counter}{${['%s', ...matchers].join(',')}}[${promDuration(window)}])))`,
    INSTANCE,
  );

/** A label that an alert may have besides `job` -> the variable of the dashboards that has its values. */
const VARIABLES = {
  server_address: 'server',
  instance: 'instance',
  cluster: 'cluster',
  namespace: 'namespace',
} as const;

/** The address of a dashboard with the values of an alert's labels in its variables. */
export function dashboardUrl(uid: string, labels: readonly string[]): string {
  const variables = Object.entries(VARIABLES)
    .filter(([label]) => labels.includes(label))
    .map(([label, variable]) => `{{ with $labels.${label} }}&var-${variable}={{ . | urlquery }}{{ end }}`);
  return `${GRAFANA}/d/${uid}?var-job={{ $labels.job | urlquery }}${variables.join('')}`;
}
