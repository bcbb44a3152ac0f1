import { graph } from '../../grafana/graph.ts';
import type { Row } from '../../grafana/row.ts';
import { INSTANCE, type PromQL } from '../../promql.ts';

export const processes: Row<PromQL> = {
  id: 1200,
  title: 'Processes',
  panels: promql => [
    graph({
      title: 'Errors inside connmeter',
      size: [8, 9],
      description: {
        what: 'Errors per second inside connmeter itself, by the part in which they happen. The program is not affected.',
        good: 'zero.',
        bad: 'anything else: some connections or requests may be missing from the other panels.',
        action: 'the log of OpenTelemetry (`diag`) has the first error of each kind, with its stack. Please report it.',
        docs: 'metrics.md#connmeterfaults',
      },
      unit: 'cps',
      noValue: 'connmeter has not reported any value in this time range',
      calcs: ['mean'],
      queries: [
        {
          expr: `${promql.rate('connmeter.faults', 'connmeter_fault_place')} > 0`,
          legend: '{{connmeter_fault_place}}',
        },
      ],
    }),
    graph({
      title: 'Processes and threads',
      size: [8, 9],
      description: {
        what: 'Processes whose numbers were in the last scrape, and their threads, per instance.',
        good: 'as many as the service has.',
        bad: 'fewer: some are another service to connmeter, hang, or run without it. A drop: processes ended.',
        action: 'compare with the number of workers. The page says which processes belong together.',
        docs: 'processes.md#who-belongs-together',
      },
      unit: 'none',
      noValue: 'connmeter has not reported any value in this time range',
      calcs: ['lastNotNull'],
      queries: [
        { expr: promql.gauge('connmeter.processes', INSTANCE), legend: '{{instance}} processes' },
        { expr: promql.gauge('connmeter.threads', INSTANCE), legend: '{{instance}} threads' },
      ],
    }),
    graph({
      title: 'Wait for a thread, by instance',
      size: [8, 9],
      description: {
        what: 'How long work waits in Node’s thread pool, which runs DNS lookups and file access. Measured once per scrape.',
        good: 'a few milliseconds.',
        bad: 'tenths of a second: lookups are slow although the DNS server is not.',
        action: 'raise `UV_THREADPOOL_SIZE`, or move compression, file access and cryptography elsewhere.',
        docs: 'metrics.md#connmeterthreadpooldelay',
      },
      unit: 's',
      noValue: 'No process has measured it',
      calcs: ['max'],
      queries: [{ expr: promql.largest('connmeter.threadpool.delay', INSTANCE), legend: '{{job}} {{instance}}' }],
    }),
  ],
};
