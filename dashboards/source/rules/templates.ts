import { type Clock, written } from '../durations.ts';
import { LEVELS, type Level, RECORDED } from './recording-rules.ts';

// What the descriptions of alerts are made of: templates of Prometheus, which it fills in when an alert is sent.
// https://prometheus.io/docs/prometheus/latest/configuration/template_reference/

export const JOB = '{{ $labels.job }}';
export const SERVER = '{{ $labels.server_address }}{{ with $labels.server_port }}:{{ . }}{{ end }}';
/** A server of the job's own: the address it listens on is mostly "all", and says nothing. */
export const LISTENER = '{{ with $labels.server_port }}port {{ . }}{{ else }}{{ $labels.server_address }}{{ end }}';
export const NAME = '{{ $labels.dns_question_name }}';

/** A number for people: 1.5k, but not 500m for 0.5, which half of them would take for millions. */
const readable = (value: string) =>
  `{{ if lt ${value} 1.0 }}{{ printf "%.2g" ${value} }}{{ else }}{{ ${value} | humanize }}{{ end }}`;

/** The value of the alert's expression. */
export const VALUE = readable('$value');
export const SHARE = '{{ $value | humanizePercentage }}';
export const DURATION = '{{ $value | humanizeDuration }}';

/** Begins a text: as `$own`, the matchers of the series that have the alert's own labels. */
export function own(level: Level): string {
  const labels: readonly string[] = LEVELS[level];
  const matchers = labels.map(label => `${label}=%q`).join(',');
  return `{{ $own := printf \`${matchers}\` ${labels.map(label => `$labels.${label}`).join(' ')} }}`;
}

/**
 * Has Prometheus answer a question while it writes the text; `%s` stands for the alert's own labels, and `found` is written
 * for each answer. In the expression, a top cause would be a label, and the alert would begin anew whenever it changes.
 */
export function ask(question: string, found: string): string {
  return `{{ range printf \`${question}\` $own | query }}${found}{{ end }}`;
}

/** The value of an answer. */
const FOUND = readable('.Value');

export const numberOf = (series: string) => ask(`${series}{%s}`, FOUND);
export const shareOf = (question: string) => ask(question, '{{ .Value | humanizePercentage }}');

// Sentences that may be missing bring their space along.

export const TOP_CAUSE = ask(
  `topk(1, ${RECORDED.openedByCause}{%s} > 0)`,
  ` Most are opened for the cause {{ .Labels.connmeter_open_cause }}{{ with .Labels.connmeter_close_reason }}, after {{ . }}{{ end }} (${FOUND}/s).`,
);

export const TOP_REASON = ask(
  `topk(1, ${RECORDED.closedByReason}{%s} > 0)`,
  ` Most close for the reason {{ .Labels.connmeter_close_reason }} (${FOUND}/s).`,
);

export const TOP_NAME = ask(
  `topk(1, ${RECORDED.lookupsByName}{%s} > 0)`,
  ` Most lookups of the job are of {{ .Labels.dns_question_name }} (${FOUND}/s).`,
);

export const TOP_SERVER = ask(
  `topk(1, ${RECORDED.opened}{%s} > 0)`,
  ` Most connections are opened to {{ .Labels.server_address }}{{ with .Labels.server_port }}:{{ . }}{{ end }} (${FOUND}/s).`,
);

/** How many of a host's ports rest, for an alert about connections: `job` has to be among its labels. */
export const PORTS_RESTING = ask(
  `${RECORDED.portsResting} and on (${LEVELS.job.join(', ')}) ${RECORDED.opened}{%s}`,
  ' Sockets in TIME_WAIT are {{ .Value | humanizePercentage }} of the ports that a host of the job has for outgoing connections.',
);

export const topError = (series: string, matchers: string) =>
  ask(`topk(1, ${series}{%s,${matchers}} > 0)`, ` Most of all: {{ .Labels.error_type }} (${FOUND}/s).`);

/** Which instance has most of what is now. */
export const topInstanceNow = (gauge: string) =>
  ask(`topk(1, sum by (instance) (${gauge}{%s}))`, '{{ with .Labels.instance }} The instance is {{ . }}.{{ end }}');

/** Which instance has most of a counter, where series have an instance. */
export const topInstance = (counter: string, { window }: Clock, ...matchers: string[]) =>
  ask(
    `topk(1, sum by (instance) (rate(${counter}{${['%s', ...matchers].join(',')}}[${written(window)}])))`,
    '{{ with .Labels.instance }} The instance is {{ . }}.{{ end }}',
  );
