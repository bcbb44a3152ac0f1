import { OPEN_CAUSES } from '../../../src/core/causes.ts';
import { OTHER, type Phase } from '../../../src/core/errors.ts';
import { CLOSE_REASONS } from '../../../src/core/reasons.ts';
import { explanationOf } from '../../../src/explain/explanations.ts';
import { behindText, CAUSE_COLOURS, PHASE_COLOURS, REASON_COLOURS, VERDICT_COLOURS } from '../grafana/colours.ts';
import type { ValueText } from '../grafana/panel.ts';
import { labelled } from '../promql.ts';
import { THRESHOLDS } from '../thresholds.ts';

/** The label of a verdict. Its value is the page of the docs that explains it, from `docs/` on. */
export const VERDICT = 'verdict';

/** What is known about each server. All are queries with the labels `by`, and those that are named here. */
export interface Facts {
  readonly by: string;
  /** Connections opened per second, with the labels `connmeter_open_cause` and `connmeter_close_reason`. */
  readonly opened: string;
  /** Connection attempts that failed per second, with the label `connmeter_phase`. */
  readonly failed: string;
  /** Requests per second. */
  readonly requests: string;
  /** The share of them that reuse a connection. */
  readonly reuse: string;
  /** Connections that are held by unread bodies, on average. */
  readonly held: string;
  /** Connections that are being opened, on average. */
  readonly pending: string;
  /** Requests per second that failed because the server closed their reused connection. */
  readonly races?: string;
  /** The share of the time in which requests wait because their pool is at its limit. */
  readonly saturated?: string;
  /** The 95th percentile of the set-up time, in seconds. */
  readonly setup?: string;
}

const { failures, hanging, bodies, reuse, harm, saturated } = THRESHOLDS;

const OF_CAUSE = 'causes.md#cause-';
const OF_REASON = 'causes.md#reason-';
const OF_OTHERS = 'grafana.md#verdict-';

/**
 * The verdict about each server, as a label. Its value is higher the worse it is. Where several are true, the first of this list
 * is the verdict: what fails comes before what waits, and that before what costs.
 */
export function verdicts(facts: Facts): string {
  const { by, opened, failed, requests, held, pending, races, saturated: limited, setup } = facts;
  const perServer = (series: string) => `sum by (${by}) (${series})`;
  const worst = (series: string, label: string) => `topk by (${by}) (1, sum by (${by}, ${label}) (${series}))`;
  const attempts = `(${perServer(opened)} + on (${by}) ${perServer(failed)} or on (${by}) ${perServer(opened)})`;

  const list = [
    withLabel(
      `${worst(failed, 'connmeter_phase')} > ${failures.minRate} and on (${by}) ${perServer(failed)} > on (${by}) ${failures.share} * ${attempts}`,
      `${OF_OTHERS}fails-$1`,
      'connmeter_phase',
    ),
    withLabel(
      `${pending} >= ${hanging.minCount} and on (${by}) ${pending} > on (${by}) ${harm.hangingSeconds} * ${attempts}`,
      `${OF_OTHERS}hangs`,
    ),
    races && withLabel(`${races} > ${RACES_PER_SECOND}`, `${OF_OTHERS}race`),
    limited && withLabel(`${limited} > ${saturated.share}`, `${OF_OTHERS}limit`),
    withLabel(`${held} >= ${bodies.minCount}`, `${OF_CAUSE}body_held`),
    setup &&
      withLabel(
        `${setup} > ${harm.slowSetup} and on (${by}) ${perServer(opened)} > ${harm.minNew}`,
        `${OF_OTHERS}slow`,
      ),
    `${topCause(facts)} > ${harm.minNew} unless on (${by}) ${facts.reuse} >= ${reuse.good}`,
    setup && withLabel(`${setup} > ${harm.slowSetup}`, `${OF_OTHERS}slow`),
    withLabel(`${requests} < ${harm.minRequests}`, `${OF_OTHERS}quiet`),
    withLabel(perServer(opened), `${OF_OTHERS}healthy`),
  ].filter(series => series !== undefined);
  const ranked = list.map((series, index) => `${list.length - index} + clamp_max(1e-6 * (${series}), 0.9)`);
  return `max by (${by}, ${VERDICT}) (${ranked.join(` or on (${by}) `)})`;
}

/** One in five minutes. */
const RACES_PER_SECOND = 0.003;

/** Why most connections are opened, as a verdict: the cause, or the reason why the earlier ones were lost. */
export function topCause({ by, opened }: Pick<Facts, 'by' | 'opened'>): string {
  const byCause = withLabel(opened, `${OF_CAUSE}$1`, 'connmeter_open_cause');
  const byReason = withLabel(byCause, `${OF_REASON}$1`, 'connmeter_close_reason');
  const byOther = withLabel(byReason, `${OF_OTHERS}new`, 'connmeter_open_cause', OTHER);
  return `topk by (${by}) (1, sum by (${by}, ${VERDICT}) (${byOther}))`;
}

/** The series with the label of a verdict: see `labelled`. */
function withLabel(series: string, verdict: string, ...where: [from?: string, value?: string]): string {
  return labelled(series, VERDICT, verdict, ...where);
}

const OTHERS: Readonly<Record<keyof typeof VERDICT_COLOURS, string>> = {
  hangs: 'Connections hang',
  race: 'Lost to keep-alive races',
  limit: 'Pool at its limit',
  new: 'Many new connections',
  slow: 'Connections open slowly',
  quiet: 'Little traffic',
  healthy: 'Healthy',
};

/** The verdicts in words. A fault has the same colour here as in the graphs. */
export const VERDICT_TEXTS: readonly ValueText[] = [
  ...(Object.keys(PHASE_COLOURS) as Phase[]).map(phase => ({
    value: `${OF_OTHERS}fails-${phase}`,
    text: explanationOf(`failed_${phase}`).short,
    colour: PHASE_COLOURS[phase],
  })),
  ...OPEN_CAUSES.filter(cause => cause !== 'replaced').map(cause => ({
    value: OF_CAUSE + cause,
    text: explanationOf(cause).short,
    colour: CAUSE_COLOURS[cause],
  })),
  ...CLOSE_REASONS.map(reason => ({
    value: OF_REASON + reason,
    text: explanationOf(reason).short,
    colour: REASON_COLOURS[reason],
  })),
  ...Object.entries(OTHERS).map(([verdict, text]) => ({
    value: OF_OTHERS + verdict,
    text,
    colour: VERDICT_COLOURS[verdict as keyof typeof OTHERS],
  })),
].map(({ value, text, colour }) => ({
  value,
  text: text.charAt(0).toUpperCase() + text.slice(1),
  colour: colour === 'transparent' ? colour : behindText(colour),
}));
