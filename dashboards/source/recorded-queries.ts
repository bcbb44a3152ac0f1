import { PLACE } from './place.ts';
import { sum } from './promql.ts';
import { RECORDED } from './rules/recorded-series.ts';

/** Queries for the recorded series of the selected jobs. Their cost does not depend on the number of instances. */
export class RecordedQueries {
  sum(series: keyof typeof RECORDED, by = ''): string {
    return sum(this.of(series), by);
  }

  of(series: keyof typeof RECORDED): string {
    return `${RECORDED[series]}{${PLACE}}`;
  }
}
