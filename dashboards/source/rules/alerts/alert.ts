import { OTHER } from '../../../../src/core/errors.ts';
import { type Durations, promDuration } from '../../durations.ts';
import type { Transport } from '../../metric-names.ts';
import { THRESHOLDS } from '../../thresholds.ts';
import { by, type Level, RECORDED } from '../recorded-series.ts';

/** `critical` pages someone now. `warning` can wait until morning. `info` explains another alert, or only costs money. */
export type Severity = 'critical' | 'warning' | 'info';

export type AlertName = `Connmeter${string}`;

export interface Alert {
  readonly name: AlertName;
  readonly severity: Severity;
  /** The labels of the alert. */
  readonly level: Level;
  readonly for: 'defaultFor' | 'urgentFor' | 'rareFor' | 'shortFor';
  /** The condition in words, for the runbooks. */
  readonly when: string;
  readonly expr: (transport: Transport, durations: Durations) => string;
  readonly summary: string;
  /** What happens, where, how much, and the fix: a template. */
  readonly description: (transport: Transport, durations: Durations) => string;
  /** The title of the panel to look at first. */
  readonly panel: string;
  /** The dashboard that has the panel. Default: the main one. */
  readonly dashboard?: 'connmeter-fleet';
  /** True if the alert also has the label `instance`. */
  readonly perInstance?: true;
  /** True if `server_address` is an address that the job listens on. By default, the job calls it. */
  readonly listens?: true;
  /**
   * More general alerts that Alertmanager mutes while this one fires for the same job, and the same server if both have one:
   * they have the same cause, and this one says more about it.
   */
  readonly inhibits?: readonly AlertName[];
}

/**
 * Excludes the servers past `maxOrigins`, which are counted together. Among so many, some are always called once and some
 * always fail.
 */
export const ONE_SERVER = `server_address!="${OTHER}"`;

const { reuse, failures } = THRESHOLDS;

/** New connections cost something. */
export const COSTLY = `${RECORDED.opened} / ${RECORDED.instancesOfServer} >= ${reuse.minOpened}`;
export const IF_COSTLY = `with at least ${reuse.minOpened} new connections/s per instance`;

/** Failed connection attempts to a server. */
export const failed = (matchers: string) =>
  `sum ${by('job_server')} (${RECORDED.failedByError}{${ONE_SERVER},${matchers}})`;

/** True if `part` is a large enough share of `whole`, and large enough by itself. */
export const shareAbove = (part: string, whole: string, { share, minRate }: { share: number; minRate: number }) =>
  `${part} / ${whole} > ${share}\nand ${part} > ${minRate}`;

/**
 * Failures that somebody misses: the server was reached within the lookback, or they are many. An optional side-car that is off,
 * for example, is only probed. A connection that is older than that was reached too: it closes when the server goes away.
 */
export const missed = (failedAttempts: string, { reachedLookback }: Durations) => {
  const within = `[${promDuration(reachedLookback)}]`;
  return `(
  max ${by('job_server')} (max_over_time(${RECORDED.opened}${within}) or max_over_time(${RECORDED.closedByReason}${within})) > 0
  or ${failedAttempts} / ${RECORDED.instancesOfServer} >= ${failures.manyPerInstance}
)`;
};
export const IF_MISSED = `to a server that was reached within the past day, or at least ${failures.manyPerInstance}/s per instance`;
