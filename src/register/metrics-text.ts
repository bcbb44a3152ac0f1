import type { Attributes, AttributeValue } from '@opentelemetry/api';
import type { Count } from '../metrics/address-counts.ts';
import { BOUNDARIES, type Distribution } from '../metrics/histograms.ts';
import type { Metric, Reading } from '../metrics/table.ts';
import { bytesOf, type TextOutput } from './text-memory.ts';

/** After how many bytes other work may run: about a tenth of a millisecond. */
const PIECE_LENGTH = 120_000;

/** What is the same for all series: the name and the version of the instrumentation. */
export interface Scope {
  readonly name: string;
  readonly version: string;
}

/**
 * Writes metrics in the text format of Prometheus: the same bytes as `PrometheusSerializer` of OpenTelemetry's exporter, at a
 * small part of the cost. A test compares the two.
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */
export class MetricsText {
  readonly #scope: string;
  /** By metric: what stands before the value of a series, as `bytesOf` it. It does not change, and most of the time goes into it. */
  readonly #beginnings = new Map<string, WeakMap<Attributes, string>>();

  constructor({ name, version }: Scope) {
    this.#scope = labels({ 'otel.scope.name': name, 'otel.scope.version': version });
  }

  /** `resource`: the attributes of the process. Other work may run at each `yield`. */
  *write(out: TextOutput, readings: readonly Reading[], resource: Attributes): Iterable<void> {
    out.text(`# HELP target_info Target metadata\n# TYPE target_info gauge\ntarget_info{${labels(resource)}} 1\n`);
    if (readings.length === 0) out.text('# no registered metrics');

    let end = out.length + PIECE_LENGTH;
    for (const { metric, series } of readings) {
      const names = namesOf(metric);
      const beginnings = this.#beginningsOf(metric);
      out.text(headOf(metric));
      for (const each of series) {
        const beginning = beginnings.get(each.attributes) ?? this.#begin(names, each, beginnings);
        writeLines(out, names, beginning, each);
        if (out.length < end) continue;

        yield;
        end = out.length + PIECE_LENGTH;
      }
    }
  }

  #beginningsOf({ name }: Metric): WeakMap<Attributes, string> {
    let beginnings = this.#beginnings.get(name);
    if (beginnings === undefined) {
      beginnings = new WeakMap();
      this.#beginnings.set(name, beginnings);
    }
    return beginnings;
  }

  #begin({ name }: Names, { attributes, ...values }: Count | Distribution, known: WeakMap<Attributes, string>): string {
    const own = labels(attributes);
    const all = own === '' ? this.#scope : `${own},${this.#scope}`;
    const beginning = bytesOf('buckets' in values ? `${name}_bucket{${all}` : `${name}{${all}} `);
    known.set(attributes, beginning);
    return beginning;
  }
}

/** `beginning`: the text before the value; of a histogram, that before the limit of a bucket. */
function writeLines(
  out: TextOutput,
  { count, sum, buckets }: Names,
  beginning: string,
  series: Count | Distribution,
): void {
  if (!('buckets' in series)) {
    out.bytes(beginning);
    writeNumber(out, series.value);
    return;
  }
  const labels = beginning.slice(beginning.indexOf('{'));
  out.bytes(count);
  out.bytes(labels);
  out.bytes('} ');
  writeNumber(out, series.count);
  out.bytes(sum);
  out.bytes(labels);
  out.bytes('} ');
  writeNumber(out, series.sum);
  let upTo = 0;
  for (let index = 0; index < buckets.length; index++) {
    upTo += series.buckets[index] ?? 0;
    out.bytes(beginning);
    out.bytes(buckets[index] as string);
    writeNumber(out, upTo);
  }
}

function writeNumber(out: TextOutput, value: number): void {
  if (value === Number.POSITIVE_INFINITY) out.bytes('+Inf');
  else if (value === Number.NEGATIVE_INFINITY) out.bytes('-Inf');
  else out.number(value);
  out.bytes('\n');
}

/** What is the same in all lines of a metric. */
interface Names {
  readonly name: string;
  readonly count: string;
  readonly sum: string;
  /** Of a histogram: what stands between the labels of a bucket and its value. */
  readonly buckets: readonly string[];
}

function namesOf(metric: Metric): Names {
  const limits = metric.kind === 'histogram' ? [...BOUNDARIES[metric.name], '+Inf'] : [];
  const name = nameOf(metric);
  return { name, count: `${name}_count`, sum: `${name}_sum`, buckets: limits.map(limit => `,le="${limit}"} `) };
}

function headOf(metric: Metric): string {
  const name = nameOf(metric);
  const type = metric.kind === 'upDownCounter' ? 'gauge' : metric.kind;
  return `# HELP ${name} ${metric.description}\n# UNIT ${name} ${metric.unit}\n# TYPE ${name} ${type}\n`;
}

function nameOf({ name, kind }: Metric): string {
  const sanitized = sanitize(name);
  return kind === 'counter' ? `${sanitized}_total` : sanitized;
}

function sanitize(name: string): string {
  return name.replace(/[^a-z0-9_]/gi, '_').replace(/_{2,}/g, '_');
}

function labels(attributes: Attributes): string {
  return Object.entries(attributes)
    .map(([name, value]) => `${sanitize(name)}="${escaped(value)}"`)
    .join(',');
}

function escaped(value: AttributeValue | undefined): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? '');
  return text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"');
}
