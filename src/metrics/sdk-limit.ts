import type { Detail } from './detail.ts';

/** How many series OpenTelemetry's SDK keeps of one metric, unless a View says otherwise. */
const SDK_SERIES = 2_000;

/**
 * How many series one origin can have in `connmeter.connection.opened`, which has the most. In full detail, this is a busy origin that
 * loses connections for nine reasons. More are possible, but not for all origins at once.
 */
const SERIES_OF_ORIGIN: Readonly<Record<Detail, number>> = { full: 15, basic: 10 };

/** What to say about `maxOrigins` under a MeterProvider of the program. Undefined if its SDK has room for so many. */
export function warningOfSdkLimit(maxOrigins: number, detail: Detail): string | undefined {
  const enough = Math.floor(SDK_SERIES / SERIES_OF_ORIGIN[detail] / 10) * 10;
  if (maxOrigins <= enough) return undefined;

  const limit = `OpenTelemetry's SDK keeps 2,000 series of a metric, enough for about ${enough} origins`;
  const fix = `{ instrumentName: '*', aggregationCardinalityLimit: ${maxOrigins * SERIES_OF_ORIGIN[detail]} }`;
  return `maxOrigins is ${maxOrigins}, but ${limit}: the rest has no labels, unless the MeterProvider has the View ${fix}`;
}
