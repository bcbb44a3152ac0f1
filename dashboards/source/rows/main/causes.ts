import { CAUSE_COLOURS, REASON_COLOURS } from '../../grafana/colours.ts';
import { graph } from '../../grafana/graph.ts';
import { ANCHOR, EXPLANATION_OF_SERIES } from '../../links.ts';
import { labelled, type PromQL } from '../../promql.ts';

/** A fault has the same colour whether it is shown as the reason of a close, or of the replacement. */
const REPLACED_COLOURS = Object.fromEntries(
  Object.entries(REASON_COLOURS).map(([reason, colour]) => [`replaced: ${reason}`, colour]),
);

/** Why new connections are opened. */
export function causes(promql: PromQL) {
  return graph({
    title: 'Connections opened, by cause',
    size: [6, 9],
    description: {
      what: 'Connections opened per second, and why the client needed each of them.',
      good: '`first` and `pool_busy` now and then: the process starts, or sends more requests at once.',
      bad: '`new_pool` (a client per request), `body_held` (unread bodies), or a steady rate of `replaced` with the reason why the earlier connections were lost.',
      action: 'the docs have the fix for each cause, with code.',
      docs: 'causes.md#why-it-was-opened',
    },
    unit: 'cps',
    noValue: 'No connection was opened in this time range',
    stack: true,
    calcs: ['mean'],
    colours: { ...CAUSE_COLOURS, ...REPLACED_COLOURS },
    link: EXPLANATION_OF_SERIES,
    queries: [
      {
        expr: labelled(
          promql.rate('connmeter.connection.opened', 'connmeter_open_cause', { connmeter_close_reason: null }),
          ANCHOR,
          'cause-$1',
          'connmeter_open_cause',
        ),
        legend: '{{connmeter_open_cause}}',
      },
      {
        expr: labelled(
          promql.rate('connmeter.connection.opened', 'connmeter_close_reason', { connmeter_open_cause: 'replaced' }),
          ANCHOR,
          'reason-$1',
          'connmeter_close_reason',
        ),
        legend: 'replaced: {{connmeter_close_reason}}',
      },
    ],
  });
}
