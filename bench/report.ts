import { type Verdict, verdicts } from './budgets.ts';
import { type MetricsServer, SERVER_TITLES } from './metrics-servers.ts';
import { count, percent, signed } from './number-format.ts';
import {
  CONNECTIONS,
  HTTP_CONNECTION,
  REUSED_CONNECTIONS,
  type ReplayedConnection,
  UNDICI_CONNECTION,
} from './replayed-clients.ts';
import { type InRounds, PLAIN_VARIANTS, type Results } from './results.ts';
import type { Started } from './start-up.ts';
import { differences, median, perRound, type Rounds, spreadOf, typical } from './statistics.ts';
import type { TrafficResult } from './traffic.ts';
import { VARIANTS, type VariantName } from './variants.ts';
import { WORKLOADS } from './workloads.ts';

/** The results as Markdown: the budgets first, then each measured part. */
export function report(results: Results): string {
  const { machine, full } = results;
  const sections = [
    `Node.js ${machine.node}, ${machine.platform}, ${machine.cores} cores; ${full ? 'the full run' : 'the short run'}.`,
    budgets(verdicts(results)),
    traffic(results, 'steady/', 'Steady traffic on reused connections, µs of CPU time per request', 'steady'),
    traffic(results, 'new-connection/', 'A new connection each time, µs of CPU time', 'new-connection'),
    traffic(results, 'streams/', 'HTTP/2, µs of CPU time per stream', 'streams'),
    handlers(results),
    garbage(results),
    connectionAllocation(results),
    openConnections(results),
    scrape(results),
    series(results),
    startUp(results),
  ];
  return `${sections.filter(section => section !== '').join('\n\n')}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

function section(title: string, command: string, ...parts: readonly string[]): string {
  return [`### ${title}`, ...parts, `Run it again: \`npm run bench:full -- --only ${command}\``].join('\n\n');
}

function budgets(all: readonly Verdict[]): string {
  if (all.length === 0) return '';
  const word = ({ met }: Verdict) => (met === undefined ? 'too few rounds to say' : met ? 'met' : '**not met**');
  const rows = all.map(verdict => [verdict.promise, verdict.found, verdict.most, verdict.floor, word(verdict)]);
  return ['### Budgets', table(['budget', 'connmeter', 'at most', 'compared with', ''], rows)].join('\n\n');
}

/** The columns of tables of traffic. OpenTelemetry has one instrumentation per client, so they share a column. */
const COLUMNS: readonly (readonly [title: string, variants: readonly VariantName[]])[] = [
  ...(['again', 'noop', 'connmeter'] as const).map(column),
  ["OpenTelemetry's", ['undici', 'http']],
  ...(['provider', 'add', 'prom'] as const).map(column),
];

function column(variant: VariantName): readonly [title: string, variants: readonly VariantName[]] {
  return [VARIANTS[variant].title, [variant]];
}

function traffic({ traffic }: Results, prefix: string, title: string, command: string): string {
  const workloads = Object.entries(traffic).filter(([name]) => name.startsWith(prefix));
  if (workloads.length === 0) return '';

  const tables = [trafficTable(workloads, 'warm')];
  if (prefix === 'new-connection/') tables.push(trafficTable(workloads, 'young'));
  return section(title, command, ...tables);
}

/** `young`: before V8 has optimised the code. */
function trafficTable(
  workloads: readonly (readonly [string, Results['traffic'][string]])[],
  part: 'warm' | 'young',
): string {
  const isYoung = part === 'young';
  const columns = COLUMNS.filter(([, of]) => workloads.some(([, variants]) => of.some(each => variants[each])));
  const rows = workloads.map(([name, variants]) => {
    const { nobody } = variants;
    const cells = columns.map(([, of]) => {
      const variant = of.find(each => variants[each] !== undefined);
      return variant === undefined || nobody === undefined ? '' : moreThan(nobody, variants[variant], part);
    });
    const first = isYoung ? [count(WORKLOADS[name]?.young ?? 0)] : [];
    return [WORKLOADS[name]?.title ?? name, ...first, spread(nobody?.[part] ?? []), ...cells];
  });
  const first = isYoung ? ['the first of a process'] : [];
  return table(['', ...first, VARIANTS.nobody.title, ...columns.map(([title]) => title)], rows);
}

function spread(rounds: Rounds): string {
  const { median, low, high } = spreadOf(perRound(rounds));
  return `${count(median)} (${count(low)} … ${count(high)})`;
}

function moreThan(
  nobody: InRounds<TrafficResult>,
  other: InRounds<TrafficResult> | undefined,
  part: 'warm' | 'young',
): string {
  if (other === undefined) return '';
  const { median: middle, low, high } = spreadOf(differences(other[part], nobody[part]));
  return `${signed(middle)} (${signed(low)} … ${signed(high)}), ${percent(middle / typical(nobody[part]))}`;
}

function handlers({ handlers }: Results): string {
  if (handlers === undefined) return '';
  const names: (readonly [string, string])[] = [
    ...Object.entries(REUSED_CONNECTIONS).map(
      ([name, { title, events }]) => [name, `a request on a reused connection, ${title}: ${events}`] as const,
    ),
    ...UNDICI_CONNECTION.steps.map(({ event }) => [`undici ${event}`, `${UNDICI_CONNECTION.title}: ${event}`] as const),
    ...HTTP_CONNECTION.steps.map(({ event }) => [`http ${event}`, `${HTTP_CONNECTION.title}: ${event}`] as const),
  ];
  const rows = names.map(([name, title]) => [
    title,
    ...PLAIN_VARIANTS.map(variant => count(Math.round(typical(handlers[variant][name] ?? [])))),
  ]);
  return section('Each event, in process, ns', 'handlers', table(['', ...titles()], rows));
}

function titles(): string[] {
  return PLAIN_VARIANTS.map(variant => VARIANTS[variant].title);
}

function garbage({ allocation, growth }: Results): string {
  const parts: string[] = [];
  if (allocation !== undefined) {
    const rows = Object.entries(allocation.clients).map(([client, variants]) => [
      REUSED_CONNECTIONS[client as keyof typeof REUSED_CONNECTIONS].title,
      ...PLAIN_VARIANTS.map(variant => {
        const { allocated, collections, kept } = variants[variant];
        return `${count(allocated)}, ${count(collections)}, ${signed(kept / 1024)}`;
      }),
    ]);
    parts.push(
      section(
        `${count(allocation.requests)} requests on a reused connection, in process: bytes per request, collections, KiB kept`,
        'allocation',
        table(['', ...titles()], rows),
      ),
    );
  }
  if (growth !== undefined) {
    const rows = PLAIN_VARIANTS.map(variant => {
      const { used, minor } = growth.variants[variant];
      return [VARIANTS[variant].title, used.map(bytes => (bytes / 2 ** 20).toFixed(2)).join(', '), count(minor)];
    });
    parts.push(
      section(
        `Real requests with undici: heap in use after each ${count(growth.stretch)}, MiB`,
        'growth',
        table(['', 'heap in use', `minor collections after the first ${count(growth.stretch)}`], rows),
      ),
    );
  }
  return parts.join('\n\n');
}

function connectionAllocation({ connectionAllocation }: Results): string {
  if (connectionAllocation === undefined) return '';
  const rows = Object.entries(connectionAllocation).map(([client, { nobody, noop, connmeter }]) => [
    CONNECTIONS[client as ReplayedConnection].title,
    ...[noop, connmeter].map(({ allocated }) => signed(allocated - nobody.allocated)),
  ]);
  const [, noop, connmeter] = titles();
  return section(
    'A new connection, in process: bytes that are allocated, garbage included',
    'connection-allocation',
    table(['', `${noop}`, `${connmeter}`], rows),
  );
}

function openConnections({ openConnections }: Results): string {
  if (openConnections === undefined) return '';
  const rows = Object.entries(openConnections.clients).map(([client, { nobody, noop, connmeter }]) => [
    client === 'http' ? '`node:http`' : client,
    ...(['heap', 'heapBefore', 'resident'] as const).flatMap(figure => [
      count(typical(nobody[figure])),
      ...[noop, connmeter].map(of => signed(median(differences(of[figure], nobody[figure])))),
    ]),
  ]);
  const [nobody, noop, connmeter] = titles();
  return section(
    `${count(openConnections.connections)} idle connections: bytes each`,
    'open-connections',
    table(
      [
        '',
        ...['heap', 'heap before a collection', 'resident'].flatMap(of => [
          `${of}: ${nobody}`,
          `${noop}`,
          `${connmeter}`,
        ]),
      ],
      rows,
    ),
  );
}

function scrape({ scrape }: Results): string {
  if (scrape === undefined) return '';
  const rows = Object.entries(scrape).map(([name, figures]) => [
    count(typical(figures.series)),
    SERVER_TITLES[name.split('/')[1] as MetricsServer],
    spread(figures.cpu),
    spread(figures.gzipCpu),
    figures.manyCpu === undefined ? '' : spread(figures.manyCpu),
    spread(figures.piece),
    figures.manyPiece === undefined ? '' : spread(figures.manyPiece),
    `${count(Math.round(typical(figures.bytes) / 1000))} kB`,
    `${count(Math.round(typical(figures.gzipBytes) / 1000))} kB`,
  ]);
  const head = ['series', '', 'CPU time', 'compressed', '48 at once', 'at a time', '48 at once', 'sent', 'compressed'];
  return section(
    'A scrape: CPU time, and how long it blocks the event loop at a time, ms',
    'scrape',
    table(head, rows),
  );
}

const STARTED_TITLES: Readonly<Record<Started, string>> = {
  nothing: 'a process',
  disabled: 'with `connmeter/register`, disabled',
  register: 'with `connmeter/register`',
  thread: 'a worker thread',
  registerThread: 'with `connmeter/register`',
};

function startUp({ startUp }: Results): string {
  if (startUp === undefined) return '';
  const rows = Object.entries(startUp).map(([started, { cpu, resident }]) => [
    STARTED_TITLES[started as Started],
    count(typical(cpu)),
    count(typical(resident)),
  ]);
  return section('The start', 'start-up', table(['fresh', 'CPU time, ms', 'memory, MiB'], rows));
}

function series({ series }: Results): string {
  if (series === undefined) return '';
  const rows = series.map(step => [step.after, count(step.series), count(step.ofName)]);
  const head = ['after', 'series of the origin', 'of its host name, for lookups'];
  return section('Series of one origin, as more happens to it', 'series', table(head, rows));
}
