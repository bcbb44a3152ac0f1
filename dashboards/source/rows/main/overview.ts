import { BAD, GOOD, NEUTRAL, WATCH } from '../../grafana/colours.ts';
import { steps } from '../../grafana/panel.ts';
import type { Row } from '../../grafana/row.ts';
import { stat } from '../../grafana/stat.ts';
import { orZero, type PromQL, REUSED, SERVER, SERVER_LEGEND, share } from '../../promql.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';
import { firingAlerts } from '../firing-alerts.ts';
import { NOT_REPORTING, numberStat, STAT_SIZE } from '../number-stat.ts';
import { reuseStat } from '../reuse-panels.ts';
import { causes } from './causes.ts';
import { lookups } from './lookups.ts';
import { servers } from './servers.ts';
import { setUpTime, setUpTimeGraph } from './set-up-time.ts';

const { reuse, bodies, harm } = THRESHOLDS;

/** Stands for the set-up time of no connections. */
const NONE_OPENED = -1;

/** The first screen: what is wrong, where, and since when. */
export const overview: Row<PromQL> = {
  id: 100,
  title: 'Are connections reused?',
  panels: promql => [
    reuseStat({
      description: {
        what: 'Share of HTTP requests that reuse a connection. Each of the others waits for DNS, TCP and TLS first.',
        good: `above ${percent(reuse.good)}, and steady.`,
        bad: `below ${percent(reuse.bad)}, or a drop after a release.`,
        action: 'find the server in the table below. Its verdict says what to change.',
        docs: 'causes.md',
      },
      expr: share(promql.rate('connmeter.requests', '', REUSED), promql.rate('connmeter.requests')),
      zero: promql.zero(),
    }),
    numberStat({
      title: 'New connections',
      label: 'per second',
      description: {
        what: 'Connections opened per second, by all TCP clients of the process.',
        good: 'close to zero in a steady state. A short rise after a release is normal.',
        bad: 'close to the request rate, or growing with it: every request opens a connection.',
        action: 'look at the table and at the causes below.',
        docs: 'causes.md',
      },
      expr: orZero(promql.rate('connmeter.connection.opened'), promql.zero()),
    }),
    stat({
      title: 'Set-up time, p95',
      label: 'DNS, TCP and TLS',
      size: STAT_SIZE,
      description: {
        what: 'How long it takes to open a connection: the sum of the 95th percentiles of DNS lookup, TCP connect and TLS handshake.',
        good: 'tens of milliseconds.',
        bad: `above ${harm.slowSetup} s: the DNS server, the network or the server is slow.`,
        action: 'look at the graph below: it shows which of the three is slow.',
        docs: 'metrics.md#connmeterconnectduration',
      },
      unit: 's',
      noValue: NOT_REPORTING,
      texts: [{ value: `${NONE_OPENED}`, text: 'none opened', colour: 'text' }],
      thresholds: steps([null, 'text'], [0, NEUTRAL], [harm.slowSetup, WATCH]),
      expr: orZero(setUpTime(promql), `${promql.zero()} + ${NONE_OPENED}`),
    }),
    stat({
      title: 'Failures',
      label: `mostly ${SERVER_LEGEND}`,
      size: STAT_SIZE,
      instant: true,
      description: {
        what: 'Connection attempts and requests that fail, per second, in the last 5 minutes: a name is not found, a port refuses, TLS fails, or the server closes a connection during a request. With the server that fails most.',
        good: 'zero.',
        bad: 'anything else.',
        action: 'click the server in the table. The rows "Failures" and "Keep-alive races" have the errors.',
        docs: 'metrics.md#connmeterconnectionfailed',
      },
      unit: 'cps',
      decimals: 2,
      noValue: NOT_REPORTING,
      thresholds: steps([null, 'text'], [0, GOOD], [0.001, BAD]),
      expr: failuresOfTheWorst(promql.now()),
      otherwise: { expr: `${promql.zero()} unless on () ${promql.now().failures()} > 0`, label: 'no server' },
    }),
    stat({
      title: 'Waiting requests',
      label: 'for a connection, now',
      size: STAT_SIZE,
      description: {
        what: 'Requests that wait for a connection, because their pool is at its limit or a connection is being opened. Limited pools of undici do not show theirs.',
        good: 'zero.',
        bad: 'stays above zero.',
        action: 'look at the row "Requests that wait for a connection".',
        docs: 'metrics.md#connmeterrequestpending',
      },
      unit: 'short',
      decimals: 0,
      noValue: 'not known', // with `detail: 'basic'`, or before the first request
      thresholds: steps([null, 'text'], [0, NEUTRAL], [harm.minWaiting, WATCH]),
      expr: promql.gauge('connmeter.request.pending'),
    }),
    stat({
      title: 'Held connections',
      label: 'by unread bodies, now',
      size: STAT_SIZE,
      description: {
        what: 'HTTP connections with a response that the program does not read. They cannot serve other requests.',
        good: 'zero.',
        bad: 'stays above zero, or grows.',
        action: 'read or cancel each response body. `npx connmeter top` names the lines of code.',
        docs: 'causes.md#cause-body_held',
      },
      unit: 'short',
      decimals: 0,
      noValue: NOT_REPORTING,
      thresholds: steps([null, 'text'], [0, NEUTRAL], [bodies.minCount, WATCH]),
      expr: orZero(promql.gauge('connmeter.body.held'), promql.zero()),
    }),
    servers(promql.now()),
    causes(promql),
    setUpTimeGraph(promql),
    lookups(promql),
    firingAlerts(promql.zero()),
  ],
};

/** All failures, with the labels of the server that fails most. Nothing if there are none. */
function failuresOfTheWorst(promql: PromQL): string {
  const all = promql.failures();
  const worst = `topk(1, ${promql.failures(SERVER)} > 0)`;
  return `0 * ${worst} + on () group_left () ${all}`;
}
