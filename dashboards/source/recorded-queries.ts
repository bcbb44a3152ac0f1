import { sum } from './promql.ts';
import { RECORDED } from './rules/recording-rules.ts';

/** Questions to the recorded series, of the jobs that the variable chooses: cheap, however many instances there are. */
export class Recordings {
  sum(series: keyof typeof RECORDED, by = ''): string {
    return sum(this.of(series), by);
  }

  of(series: keyof typeof RECORDED): string {
    return `${RECORDED[series]}{job=~"$job"}`;
  }
}
