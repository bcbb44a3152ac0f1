import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startService, temporaryFolder, waitUntilReady } from './service.ts';

/** One series of a query result, with its value. */
export interface Sampled {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Prometheus {
  readonly url: string;
  /** Evaluates an expression now. Fails with the error message of Prometheus if it is invalid. */
  query(expression: string): Promise<Sampled[]>;
  /** The values of a label, among all series or those that match. */
  labelValues(label: string, match?: string): Promise<string[]>;
  /** Any other endpoint of `/api/v1/`. */
  get(path: string, parameters?: Readonly<Record<string, string>>): Promise<unknown>;
}

/** A target (`host:port`) and its other scrape options. */
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
  /** Contents of rule files. They are evaluated every second unless they set an interval. */
  readonly rules?: readonly string[];
  /** The URL of an Alertmanager. */
  readonly alertmanager?: string;
}

/** Starts a Prometheus that scrapes every second, until the test ends. */
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
  writeFileSync(file, JSON.stringify(config)); // JSON is valid YAML
  const url = await startService(
    binary,
    [
      ...[`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`],
      // Without these, Prometheus delays alerts after its start.
      ...['--rules.alert.resend-delay=1s', '--rules.alert.for-grace-period=0s'],
    ],
    folder,
  );
  await waitUntilReady(`${url}/-/ready`);

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
