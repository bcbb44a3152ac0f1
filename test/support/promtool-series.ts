import { parseExposition, type Sample } from '../../examples/demo/exposition.ts';

/** One series over time, as `promtool test rules` takes it: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/ */
export interface InputSeries {
  readonly series: string;
  /** One value per scrape, separated by spaces; `_` for a missing value. */
  readonly values: string;
}

/** Converts consecutive scrapes into the input of a rules test, keeping only the wanted metrics. */
export function inputSeries(scrapes: readonly string[], isWanted: (name: string) => boolean): InputSeries[] {
  const rows = new Map<string, string[]>();
  scrapes.forEach((text, at) => {
    for (const sample of parseExposition(text)) {
      if (!isWanted(sample.name)) continue;

      const series = inWords(sample);
      const values = rows.get(series) ?? Array.from(scrapes, () => '_');
      values[at] = String(sample.value);
      rows.set(series, values);
    }
  });
  return Array.from(rows, ([series, values]) => ({ series, values: values.join(' ') }));
}

/** Omits the labels that the exporter adds to every series. */
function inWords({ name, labels }: Sample): string {
  const shown = Object.entries(labels).filter(([key]) => !key.startsWith('otel_scope_'));
  return `${name}{${shown.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}}`;
}
