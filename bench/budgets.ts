import { count, percent, signed } from './number-format.ts';
import { type Results, SCRAPED } from './results.ts';
import type { Started, StartUpResult } from './start-up.ts';
import { differences, median, medianInterval } from './statistics.ts';
import { WORKLOADS } from './workloads.ts';

/** A budget, its result, and the cost of the same without connmeter or with no-op subscribers. */
export interface Verdict {
  readonly promise: string;
  readonly found: string;
  readonly floor: string;
  /** Undefined if there are too few rounds. */
  readonly met: boolean | undefined;
  /** True if the floor alone exceeds the budget. */
  readonly floorAboveBudget?: boolean;
}

const MOST_NANOSECONDS = 250;
const MOST_OF_A_CONNECTION = 0.1;
const MOST_BYTES = 2048;
const MOST_SERIES = 110;
/** By the number of origins. */
const MOST_MS_AT_A_TIME = { of100: 5, of1000: 15 };

/** What more it costs to start. */
const MOST_AT_START = { register: { cpu: 70, resident: 27 }, disabled: 5, thread: { cpu: 15, resident: 3 } };

/** Compares the results with the budgets of the design. */
export function verdicts(results: Results): Verdict[] {
  return [
    ...perRequest(results),
    ...steady(results),
    ...garbage(results),
    ...perConnection(results),
    ...perOpenConnection(results),
    ...perScrape(results),
    ...seriesPerOrigin(results),
    ...startUps(results),
  ];
}

const PLAYED = { undici: 'undici and `fetch`', http: '`node:http`' } as const;

function perRequest({ handlers }: Results): Verdict[] {
  if (handlers === undefined) return [];
  return Object.entries(PLAYED).map(([client, title]) => {
    const cost = (variant: 'noop' | 'connmeter') =>
      median(differences(handlers[variant][client] ?? [], handlers.nobody[client] ?? []));
    const ours = cost('connmeter');
    return {
      promise: `a request with ${title} in process: at most ${MOST_NANOSECONDS} ns`,
      found: `${signed(ours)} ns`,
      floor: `subscribers that do nothing: ${signed(cost('noop'))} ns`,
      met: ours <= MOST_NANOSECONDS,
    };
  });
}

function steady({ traffic }: Results): Verdict[] {
  return Object.entries(traffic).flatMap(([name, { nobody, again, noop, connmeter }]) => {
    const workload = WORKLOADS[name];
    if (!workload || workload.unit === 'connection' || !nobody || !again || !noop || !connmeter) return [];

    const more = differences(connmeter.warm, noop.warm);
    const certain = medianInterval(more);
    const range = certain && ` (95 % confidence: ${signed(certain.from)} to ${signed(certain.to)})`;
    return {
      promise: `a ${workload.unit} with ${workload.title}: not measurably more than subscribers that do nothing`,
      found: `${signed(median(more))} µs${range ?? ''}`,
      floor: `${count(median(nobody.warm))} µs baseline; baseline against itself: ${signed(
        median(differences(again.warm, nobody.warm)),
      )} µs`,
      met: certain && certain.from <= 0,
    };
  });
}

function garbage({ allocation, growth }: Results): Verdict[] {
  const verdicts: Verdict[] = [];
  if (allocation !== undefined) {
    const rows = Object.values(allocation.clients);
    const most = (of: 'noop' | 'connmeter', figure: 'collections' | 'allocated') =>
      Math.max(...rows.map(row => row[of][figure]));
    const words = (of: 'noop' | 'connmeter') =>
      `${count(most(of, 'allocated'))} bytes per request, ${most(of, 'collections')} collections`;
    verdicts.push({
      promise: `${count(allocation.requests)} requests of any client in process: nothing is allocated`,
      found: words('connmeter'),
      floor: `subscribers that do nothing: ${words('noop')}`,
      met: rows.every(({ noop, connmeter }) => connmeter.collections <= noop.collections && connmeter.allocated < 1),
    });
  }
  if (growth !== undefined) {
    const { nobody, noop, connmeter } = growth.variants;
    const requests = growth.stretch * (connmeter.used.length - 1);
    const words = (of: typeof noop) => `heap ${signed(grown(of.used) / 1024)} KiB, ${of.minor} minor collections`;
    verdicts.push({
      promise: `${count(requests)} real requests with undici: the heap does not grow, no additional collections`,
      found: words(connmeter),
      floor: `baseline: ${words(nobody)}; subscribers that do nothing: ${words(noop)}`,
      met:
        grown(connmeter.used) - Math.max(0, grown(nobody.used), grown(noop.used)) < requests && // less than a byte each
        connmeter.minor <= Math.max(nobody.minor, noop.minor) * 1.01 + 1,
    });
  }
  return verdicts;
}

/** Growth from the median of the first half to that of the second, because the heap fluctuates. */
function grown(used: readonly number[]): number {
  const half = used.length >> 1;
  return median(used.slice(half)) - median(used.slice(0, half));
}

function perConnection({ traffic }: Results): Verdict[] {
  return Object.entries(traffic).flatMap(([name, { nobody, noop, histograms, connmeter }]) => {
    const workload = WORKLOADS[name];
    if (workload?.unit !== 'connection' || !nobody || !noop || !connmeter) return [];

    const base = median(nobody.warm);
    const more = (than: typeof nobody) => median(differences(than.warm, nobody.warm));
    const words = (than: typeof nobody) => `${signed(more(than))} µs, ${percent(more(than) / base)}`;
    const ours = more(connmeter);
    const recorded = histograms === undefined ? '' : `; and with the histograms: ${words(histograms)}`;
    return {
      promise: `a new connection, ${workload.title}: at most ${percent(MOST_OF_A_CONNECTION)} more CPU time`,
      found: words(connmeter),
      floor: `${count(base)} µs baseline; subscribers that do nothing: ${words(noop)}${recorded}`,
      met: ours <= base * MOST_OF_A_CONNECTION,
      floorAboveBudget: more(histograms ?? noop) > base * MOST_OF_A_CONNECTION,
    };
  });
}

function perOpenConnection({ openConnections }: Results): Verdict[] {
  return Object.entries(openConnections?.clients ?? {}).map(([client, { nobody, noop, connmeter }]) => {
    const more = (than: typeof noop) => median(differences(than.heap, nobody.heap));
    return {
      promise: `an open connection with ${client === 'http' ? '`node:http`' : client}: at most ${count(MOST_BYTES)} bytes`,
      found: `${signed(more(connmeter))} bytes`,
      floor: `${count(median(nobody.heap))} bytes baseline; listeners that do nothing: ${signed(more(noop))} bytes`,
      met: more(connmeter) <= MOST_BYTES,
    };
  });
}

function perScrape({ scrape = {} }: Results): Verdict[] {
  return ['100', '1000'].flatMap(origins => {
    const [ready, ours, otel, prom] = SCRAPED.map(variant => scrape[`${origins}/${variant}`]);
    if (!ready || !ours || !otel || !prom) return [];

    const what = `a scrape of ${count(median(ours.series))} series`;
    const making = (times: typeof ours) => median(differences(times.cpu, ready.cpu));
    const [our, their, proms] = [making(ours), making(otel), making(prom)];
    const one = median(differences(ours.gzipCpu, ready.gzipCpu));
    const many = median(differences(ours.manyCpu ?? [], ready.manyCpu ?? []));
    const longest = origins === '100' ? MOST_MS_AT_A_TIME.of100 : MOST_MS_AT_A_TIME.of1000;
    const shares: Verdict[] = [
      {
        promise: `${what}: at most an eighth of the CPU time of the SDK's exporter, without sending`,
        found: `${count(our)} ms, ${percent(our / their)}`,
        floor: `${count(their)} ms`,
        met: our <= their / 8,
      },
      {
        promise: `${what}: at most a third of the CPU time of prom-client, without sending`,
        found: `${count(our)} ms, ${percent(our / proms)}`,
        floor: `${count(proms)} ms`,
        met: our <= proms / 3,
      },
    ];
    return [
      ...(origins === '100' ? shares : []),
      {
        promise: `${what}: at most ${longest} ms at a time`,
        found: `${count(median(ours.piece))} ms`,
        floor: `a text that is ready: ${count(median(ready.piece))} ms`,
        met: median(ours.piece) <= longest,
      },
      {
        promise: `${what}, 50 at once, compressed: at most twice the CPU time of one, without sending`,
        found: `${count(many)} ms, ${count(many / one)} times`,
        floor: `one: ${count(one)} ms`,
        met: many <= 2 * one,
      },
    ];
  });
}

function seriesPerOrigin({ series }: Results): Verdict[] {
  const last = series?.at(-1);
  if (last === undefined) return [];
  return [
    {
      promise: `series of the busiest origin: at most ${MOST_SERIES}`,
      found: count(last.series),
      floor: `${count(series?.[0]?.series ?? 0)} for a quiet one`,
      met: last.series <= MOST_SERIES,
    },
  ];
}

function startUps({ startUp }: Results): Verdict[] {
  if (startUp === undefined) return [];
  const verdict = (
    what: string,
    [measured, base]: readonly [Started, Started],
    [figure, most, unit]: readonly [keyof StartUpResult, number, string],
  ): Verdict => {
    const more = median(differences(startUp[measured][figure], startUp[base][figure]));
    return {
      promise: `${what}: at most ${most} ${unit}`,
      found: `${signed(more)} ${unit}`,
      floor: `${count(median(startUp[base][figure]))} ${unit} without connmeter`,
      met: more <= most,
    };
  };
  const { register, disabled, thread } = MOST_AT_START;
  const process = ['register', 'nothing'] as const;
  const worker = ['registerThread', 'thread'] as const;
  return [
    verdict('a start with `connmeter/register`', process, ['cpu', register.cpu, 'ms of CPU time']),
    verdict('a start with `connmeter/register`', process, ['resident', register.resident, 'MiB']),
    verdict('a start if it is disabled', ['disabled', 'nothing'], ['cpu', disabled, 'ms of CPU time']),
    verdict('a worker thread with `connmeter/register`', worker, ['cpu', thread.cpu, 'ms of CPU time']),
    verdict('a worker thread with `connmeter/register`', worker, ['resident', thread.resident, 'MiB']),
  ];
}
