import type { Attributes } from '@opentelemetry/api';
import type { HistogramName } from './histograms.ts';

/** Records one value of a histogram, in the unit of the metric. `attributes`: the same object each time for the same series. */
export type Recorder = (metric: HistogramName, value: number, attributes: Attributes) => void;
