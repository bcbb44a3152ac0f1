// Scrapes a program as Prometheus does, several times at once, and looks at its page.
import { subscribe } from 'node:diagnostics_channel';
import http from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as passed } from 'node:timers/promises';
import { prometheusName } from '../../dashboards/source/metric-names.ts';
import { METRICS } from '../../src/metrics/table.ts';
import type { SoakPoint } from './plan.ts';
import { type Metrics, SeenValues } from './seen-values.ts';

const SCRAPERS = 3;
const SCRAPE_EVERY = 1_000;
/** As often as the page itself. */
const PAGE_EVERY = 2_000;

const NAMES = new Map(METRICS.map(({ name, kind }) => [prometheusName(name, 'pull'), { name, kind }]));

export class TextScrapes {
  readonly values = new SeenValues();
  readonly problems: string[] = [];
  done = 0;
  series = 0;
  /** Connections that this process has tried to open, and those that it has. */
  dialled = 0;
  opened = 0;
  readonly #port: number;
  readonly #agent = new http.Agent({ keepAlive: true });
  #isOver = false;

  constructor(port: number) {
    this.#port = port;
    subscribe('net.client.socket', message => {
      this.dialled++;
      (message as { socket: Socket }).socket.on('connect', () => void this.opened++);
    });
    for (let n = 0; n < SCRAPERS; n++) void this.#repeat(() => this.read(), SCRAPE_EVERY);
    void this.#repeat(() => this.#look(), PAGE_EVERY);
  }

  /** Scrapes once. Empty if nothing listens yet. */
  async read(): Promise<Metrics> {
    const text = await this.#get('/metrics');
    if (text === undefined) return {};

    const metrics = metricsOf(text);
    this.done++;
    this.series = text.split('\n').filter(line => line !== '' && !line.startsWith('#')).length;
    for (const [name, points] of Object.entries(metrics))
      for (const { attributes, value } of points) this.values.see(name, attributes, value);
    return metrics;
  }

  /** From now on, only `read` asks. */
  stop(): void {
    this.#isOver = true;
  }

  close(): void {
    this.#agent.destroy();
  }

  async #repeat(run: () => Promise<unknown>, every: number): Promise<void> {
    while (!this.#isOver) {
      await run();
      await passed(every);
    }
  }

  async #look(): Promise<void> {
    const text = await this.#get('/connmeter.json');
    if (text !== undefined && !Array.isArray(JSON.parse(text).origins))
      this.problems.push(`the page got ${text.slice(0, 200)}`);
  }

  #get(path: string): Promise<string | undefined> {
    return new Promise(resolve => {
      const asked = http.get({ port: this.#port, host: '127.0.0.1', path, agent: this.#agent }, response => {
        let text = '';
        response.setEncoding('utf8').on('data', part => {
          text += part;
        });
        response.on('end', () => {
          if (response.statusCode !== 200) this.problems.push(`${path}: ${response.statusCode} ${text.slice(0, 200)}`);
          resolve(response.statusCode === 200 ? text : undefined);
        });
      });
      asked.on('error', ({ code }: NodeJS.ErrnoException) => {
        // The server has closed the idle connection at the same time, as every client of HTTP must expect.
        if (code === 'ECONNRESET' && asked.reusedSocket) return resolve(this.#get(path));
        if (code !== 'ECONNREFUSED') this.problems.push(`${path}: ${code}`);
        resolve(undefined);
      });
    });
  }
}

const LINE = /^(\w+?)(_bucket|_sum|_count)?(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** The metrics in a text, by the names and with the labels of OpenTelemetry. */
function metricsOf(text: string): Metrics {
  const points = new Map<string, Map<string, { attributes: SoakPoint['attributes']; value: number; sum: number }>>();
  for (const line of text.split('\n')) {
    const [, word = '', suffix = '', labels = '', number = ''] = LINE.exec(line) ?? [];
    const metric = NAMES.get(word) ?? NAMES.get(`${word}${suffix}`);
    if (metric === undefined || suffix === '_bucket') continue;

    const ofMetric = points.get(metric.name) ?? new Map();
    points.set(metric.name, ofMetric);
    const attributes = attributesOf(labels);
    const key = JSON.stringify(attributes);
    const point = ofMetric.get(key) ?? { attributes, value: 0, sum: 0 };
    ofMetric.set(key, point);
    point[metric.kind === 'histogram' && suffix === '_sum' ? 'sum' : 'value'] += Number(number);
  }
  return Object.fromEntries([...points].map(([name, ofMetric]) => [name, [...ofMetric.values()]]));
}

function attributesOf(labels: string): SoakPoint['attributes'] {
  const named = Array.from(labels.matchAll(LABEL), ([, name = '', value = '']) => [
    name.replaceAll('_', '.'),
    name === 'server_port' ? Number(value) : value,
  ]).filter(([name]) => !String(name).startsWith('otel.'));
  return Object.fromEntries(named);
}
