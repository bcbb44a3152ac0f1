import { OTHER } from '../../../../src/core/errors.ts';
import type { Durations } from '../../durations.ts';
import type { Transport } from '../../metric-names.ts';
import { THRESHOLDS } from '../../thresholds.ts';
import { by, type Level, RECORDED } from '../recorded-series.ts';

/** `critical` pages someone now. `warning` can wait until morning. `info` explains another alert, or only costs money. */
export type Severity = 'critical' | 'warning' | 'info';

export interface Alert {
  readonly name: `Connmeter${string}`;
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
}

/**
 * Excludes the servers past `maxOrigins`, which are counted together. Among so many, some are always called once and some
 * always fail.
 */
export const ONE_SERVER = `server_address!="${OTHER}"`;

const { minRequests } = THRESHOLDS.reuse;

export const ENOUGH_REQUESTS = `${RECORDED.requests} / ${RECORDED.instancesOfServer} >= ${minRequests}`;
export const WITH_ENOUGH_REQUESTS = `with at least ${minRequests} request/s per instance`;

/** Failed connection attempts to a server. */
export const failed = (matchers: string) =>
  `sum ${by('job_server')} (${RECORDED.failedByError}{${ONE_SERVER},${matchers}})`;

/** True if `part` is a large enough share of `whole`, and large enough by itself. */
export const shareAbove = (part: string, whole: string, { share, minRate }: { share: number; minRate: number }) =>
  `${part} / ${whole} > ${share}\nand ${part} > ${minRate}`;
