import type { Attributes } from '@opentelemetry/api';
import type { HistogramName } from './histograms.ts';

/**
 * Records a value of a histogram, in the unit of the metric. `attributes`: the same object each time for the same series. `times`: how
 * often it occurred. Default: once.
 */
export type Recorder = (metric: HistogramName, value: number, attributes: Attributes, times?: number) => void;
