import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ready, startService, temporaryFolder } from './service.ts';

/** One series of an answer, with its value now. */
export interface Sampled {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Prometheus {
  readonly url: string;
  /** What an expression is now. Fails with Prometheus' own words where it is none. */
  query(expression: string): Promise<Sampled[]>;
  /** The values of a label, among series that match, or all. */
  labelValues(label: string, match?: string): Promise<string[]>;
  /** Any other page of `/api/v1/`. */
  get(path: string, parameters?: Readonly<Record<string, string>>): Promise<unknown>;
}

/** A target, `host:port`, and what else its scrape configuration says. */
export interface Scrape {
  readonly target: string;
  readonly metrics_path?: string;
  readonly params?: Readonly<Record<string, readonly string[]>>;
  readonly metric_relabel_configs?: readonly object[];
}

export interface PrometheusOptions {
  readonly binary?: string;
  /** Job -> what to scrape, every second. */
  readonly scrape?: Readonly<Record<string, Scrape>>;
  /** Rule files, as text. They are evaluated as often as they say, or every second. */
  readonly rules?: readonly string[];
  /** The URL of an Alertmanager. */
  readonly alertmanager?: string;
}

/** A Prometheus that looks every second, for the time of a test. */
export async function startPrometheus({
  binary = 'prometheus',
  scrape = {},
  rules = [],
  alertmanager,
}: PrometheusOptions): Promise<Prometheus> {
  const folder = temporaryFolder('prometheus');
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: rules.map((text, index) => {
      const file = join(folder, `rules-${index}.yaml`);
      writeFileSync(file, text);
      return file;
    }),
    scrape_configs: Object.entries(scrape).map(([job_name, { target, ...more }]) => ({
      job_name,
      static_configs: [{ targets: [target] }],
      ...more,
    })),
    ...(alertmanager === undefined
      ? {}
      : { alerting: { alertmanagers: [{ static_configs: [{ targets: [new URL(alertmanager).host] }] }] } }),
  };
  const file = join(folder, 'prometheus.yml');
  writeFileSync(file, JSON.stringify(config)); // which is YAML, too
  const url = await startService(
    binary,
    [
      ...[`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`],
      // Waiting is what a fleet's Prometheus does after a restart; here it would only delay the alerts.
      ...['--rules.alert.resend-delay=1s', '--rules.alert.for-grace-period=0s'],
    ],
    folder,
  );
  await ready(`${url}/-/ready`);

  const get: Prometheus['get'] = async (path, parameters = {}) => {
    const answer = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const { status, data, error } = (await answer.json()) as { status: string; data: unknown; error?: string };
    if (status !== 'success') throw new Error(`${error}, in ${JSON.stringify({ path, ...parameters })}`);
    return data;
  };
  return {
    url,
    get,
    async query(expression) {
      const { resultType, result } = (await get('query', { query: expression })) as InstantData;
      if (resultType === 'scalar') return [{ metric: {}, value: Number(result[1]) }];
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
    labelValues: (label, match) =>
      get(`label/${label}/values`, match === undefined ? {} : { 'match[]': match }) as Promise<string[]>,
  };
}

type Value = readonly [seconds: number, value: string];

type InstantData =
  | { readonly resultType: 'scalar'; readonly result: Value }
  | { readonly resultType: 'vector'; readonly result: readonly { metric: Record<string, string>; value: Value }[] };
