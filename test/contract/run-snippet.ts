// Preloaded into a process that runs one snippet of docs/causes.md (see causes.test.ts): measures its connections, makes
// the requests that the docs describe, and reports the counts.
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { ConnectionInstrumentation } from '../../src/index.ts';
import { ManualReader } from '../support/manual-reader.ts';

/** The number of requests, and how they follow each other. */
export interface RequestSchedule {
  readonly requests: number;
  /** Number of parallel requests. */
  readonly width: number;
  /** Seconds between rounds. */
  readonly apart: number;
}

/** Counts by metric and label, such as `opened new_pool`. */
export type Counted = Readonly<Record<string, number>>;

const LABELS = { opened: 'connmeter.open.cause', closed: 'connmeter.close.reason', failed: 'error.type' };

const reader = new ManualReader();
new ConnectionInstrumentation().setMeterProvider(new MeterProvider({ readers: [reader] }));

/** Makes the requests, notifies the parent, and runs until it is killed, because connections that close later count, too. */
export async function drive(
  get: (url: string) => Promise<unknown>,
  url: string,
  course: RequestSchedule,
): Promise<void> {
  const { requests, width, apart } = course;
  for (let made = 0; made < requests; made += width) {
    if (made > 0 && apart > 0) await new Promise(resolve => setTimeout(resolve, apart * 1000));
    await Promise.all(Array.from({ length: Math.min(width, requests - made) }, () => get(url).catch(() => {})));
  }
  process.on('message', async () => process.send?.(await counted()));
  process.send?.('done');
}

async function counted(): Promise<Counted> {
  const { resourceMetrics } = await reader.collect();
  const counts: Record<string, number> = {};
  for (const { descriptor, dataPoints } of resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics)) {
    const what = /^connmeter\.connection\.(opened|closed|failed)$/.exec(descriptor.name)?.[1];
    if (what === undefined) continue;

    for (const { attributes, value } of dataPoints) {
      const label = attributes[LABELS[what as keyof typeof LABELS]];
      counts[`${what} ${label}`] = (counts[`${what} ${label}`] ?? 0) + Number(value);
    }
  }
  return counts;
}
