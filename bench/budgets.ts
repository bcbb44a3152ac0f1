import { count, percent, signed } from './number-format.ts';
import { CONNECTIONS, type ReplayedConnection } from './replayed-clients.ts';
import { MANY_ORIGINS, type Results, SCRAPED, USUAL_ORIGINS } from './results.ts';
import type { Started, StartUpResult } from './start-up.ts';
import { differences, median, paired, perRound, type Rounds, typical, upperBound } from './statistics.ts';
import { WORKLOADS } from './workloads.ts';

/** A budget, its result, and the cost of the same without connmeter or with no-op subscribers. */
export interface Verdict {
  readonly promise: string;
  readonly found: string;
  /** With 95 % confidence, it costs no more than this. Empty if it is not measured in rounds, or in too few. */
  readonly most: string;
  readonly floor: string;
  /** Undefined if there are too few rounds. */
  readonly met: boolean | undefined;
}

const MOST_NANOSECONDS = 250;
/** More than no-op subscribers cost, as a share of the baseline. */
const MOST_OF_A_REQUEST = 0.02;
/** As a share of the baseline: of the first connections of a process, and once V8 has optimised their code. */
const MOST_OF_A_CONNECTION = { young: 0.12, warm: 0.1 };
const MOST_OF_A_BARE_CONNECTION = 0.15;
const MOST_ALLOCATED = 3_000;
const MOST_BYTES = 2048;
const MOST_SERIES = 110;
/** By the number of origins. */
const MOST_MS_AT_A_TIME = { [USUAL_ORIGINS]: 5, [MANY_ORIGINS]: 15 };

/** What more it costs to start. */
const MOST_AT_START = { register: { cpu: 70, resident: 27 }, disabled: 5, thread: { cpu: 15, resident: 3 } };

/** Compares the results with the budgets of the design. */
export function verdicts(results: Results): Verdict[] {
  return [
    ...perRequest(results),
    ...steady(results),
    ...garbage(results),
    ...perConnection(results),
    ...perReplayedConnection(results),
    ...perOpenConnection(results),
    ...perScrape(results),
    ...seriesPerOrigin(results),
    ...startUps(results),
  ];
}

/** One value per round: its median, and the bound that must keep the budget. */
function judged(
  values: readonly number[],
  limit: number,
  words: (value: number) => string,
): Pick<Verdict, 'found' | 'most' | 'met'> {
  const most = upperBound(values);
  return {
    found: words(median(values)),
    most: most === undefined ? '' : words(most),
    met: most === undefined ? undefined : most <= limit,
  };
}

const PLAYED = { undici: 'undici and `fetch`', http: '`node:http`' } as const;

function perRequest({ handlers }: Results): Verdict[] {
  if (handlers === undefined) return [];
  return Object.entries(PLAYED).map(([client, title]) => {
    const more = (variant: 'noop' | 'connmeter') =>
      differences(handlers[variant][client] ?? [], handlers.nobody[client] ?? []);
    return {
      promise: `a request with ${title} in process: at most ${MOST_NANOSECONDS} ns`,
      ...judged(more('connmeter'), MOST_NANOSECONDS, value => `${signed(value)} ns`),
      floor: `subscribers that do nothing: ${signed(median(more('noop')))} ns`,
    };
  });
}

function steady({ traffic }: Results): Verdict[] {
  return Object.entries(traffic).flatMap(([name, { nobody, again, noop, connmeter }]) => {
    const workload = WORKLOADS[name];
    if (!workload || workload.unit === 'connection' || !nobody || !again || !noop || !connmeter) return [];

    const base = typical(nobody.warm);
    return {
      promise: `a ${workload.unit} with ${workload.title}: at most ${percent(MOST_OF_A_REQUEST)} more than subscribers that do nothing`,
      ...judged(differences(connmeter.warm, noop.warm), base * MOST_OF_A_REQUEST, value => shareOf(base, value)),
      floor: `${count(base)} µs baseline; baseline against itself: ${noiseOf(again.warm, nobody.warm)}`,
    };
  });
}

function shareOf(base: number, more: number): string {
  return `${signed(more)} µs, ${percent(more / base)}`;
}

function noiseOf(again: Rounds, nobody: Rounds): string {
  const more = differences(again, nobody);
  const most = upperBound(more);
  return `${signed(median(more))} µs${most === undefined ? '' : `, at most ${signed(most)} µs`}`;
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
      most: '',
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
      most: '',
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
  return Object.entries(traffic).flatMap(([name, { nobody, noop, connmeter }]) => {
    const workload = WORKLOADS[name];
    if (workload?.unit !== 'connection' || !nobody || !noop || !connmeter) return [];

    return (['warm', 'young'] as const).map(age => {
      const base = typical(nobody[age]);
      const limit = workload.server === 'tcp' ? MOST_OF_A_BARE_CONNECTION : MOST_OF_A_CONNECTION[age];
      const which = age === 'warm' ? '' : `, among the first ${count(workload.young)} of a process`;
      return {
        promise: `a new connection, ${workload.title}${which}: at most ${percent(limit)} more CPU time`,
        ...judged(differences(connmeter[age], nobody[age]), base * limit, value => shareOf(base, value)),
        floor: `${count(base)} µs baseline; subscribers that do nothing: ${shareOf(base, median(differences(noop[age], nobody[age])))}`,
      };
    });
  });
}

function perReplayedConnection({ connectionAllocation }: Results): Verdict[] {
  return Object.entries(connectionAllocation ?? {}).map(([client, { nobody, noop, connmeter }]) => {
    const more = connmeter.allocated - nobody.allocated;
    return {
      promise: `a new connection, ${CONNECTIONS[client as ReplayedConnection].title}, in process: at most ${count(MOST_ALLOCATED)} bytes allocated`,
      found: `${signed(more)} bytes`,
      most: '',
      floor: `subscribers that do nothing: ${signed(noop.allocated - nobody.allocated)} bytes`,
      met: more <= MOST_ALLOCATED,
    };
  });
}

function perOpenConnection({ openConnections }: Results): Verdict[] {
  return Object.entries(openConnections?.clients ?? {}).flatMap(([client, { nobody, noop, connmeter }]) =>
    (['heap', 'heapBefore'] as const).map(figure => {
      const more = (than: typeof noop) => differences(than[figure], nobody[figure]);
      const which = figure === 'heap' ? '' : ', before a garbage collection';
      return {
        promise: `an open connection with ${client === 'http' ? '`node:http`' : client}${which}: at most ${count(MOST_BYTES)} bytes`,
        ...judged(more(connmeter), MOST_BYTES, value => `${signed(value)} bytes`),
        floor: `${count(typical(nobody[figure]))} bytes baseline; listeners that do nothing: ${signed(median(more(noop)))} bytes`,
      };
    }),
  );
}

function perScrape({ scrape = {} }: Results): Verdict[] {
  return ([USUAL_ORIGINS, MANY_ORIGINS] as const).flatMap(origins => {
    const [ready, ours, otel, prom] = SCRAPED.map(variant => scrape[`${origins}/${variant}`]);
    if (!ready || !ours || !otel || !prom) return [];

    const what = `a scrape of ${count(typical(ours.series))} series`;
    const making = (times: typeof ours) => paired(times.cpu, ready.cpu, (all, sending) => all - sending);
    const shareOf = (theirs: typeof ours, limit: number, whose: string, most: string): Verdict => {
      const shares = paired(making(ours), making(theirs), (our, their) => our / their);
      return {
        promise: `${what}: at most ${most} of the CPU time of ${whose}, without sending`,
        ...judged(perRound(shares), limit, value => percent(value)),
        floor: `${count(typical(making(theirs)))} ms; connmeter: ${count(typical(making(ours)))} ms`,
      };
    };
    const one = differences(ours.gzipCpu, ready.gzipCpu);
    const many = differences(ours.manyCpu ?? [], ready.manyCpu ?? []);
    const times = many.map((all, round) => all / (one[round] ?? Number.NaN));
    const longest = MOST_MS_AT_A_TIME[origins];
    return [
      ...(origins === USUAL_ORIGINS
        ? [shareOf(otel, 1 / 8, "the SDK's exporter", 'an eighth'), shareOf(prom, 1 / 3, 'prom-client', 'a third')]
        : []),
      {
        promise: `${what}: at most ${longest} ms at a time`,
        ...judged(perRound(ours.piece), longest, value => `${count(value)} ms`),
        floor: `a text that is ready: ${count(typical(ready.piece))} ms`,
      },
      {
        promise: `${what}, 48 at once, compressed: at most twice the CPU time of one, without sending`,
        ...judged(times, 2, value => `${count(value)} times`),
        floor: `one: ${count(median(one))} ms; all: ${count(median(many))} ms`,
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
      most: '',
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
    return {
      promise: `${what}: at most ${most} ${unit}`,
      ...judged(
        differences(startUp[measured][figure], startUp[base][figure]),
        most,
        value => `${signed(value)} ${unit}`,
      ),
      floor: `${count(typical(startUp[base][figure]))} ${unit} without connmeter`,
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
