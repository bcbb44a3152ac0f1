import { faded, PHASE_COLOURS, SERVED_COLOURS } from '../../grafana/colours.ts';
import { graph } from '../../grafana/panels.ts';
import { THIS_SERVER } from '../../links.ts';
import { type PromQL, SERVER, SERVER_LEGEND, share } from '../../promql.ts';
import { served } from '../requests-per-connection.ts';
import type { Row } from '../row.ts';

const PHASES = [
  { phase: 'dns', name: 'DNS', metric: 'dns.lookup.duration' },
  { phase: 'connect', name: 'TCP connect', metric: 'connmeter.connect.duration' },
  { phase: 'tls', name: 'TLS handshake', metric: 'connmeter.tls.handshake.duration' },
] as const;

export const cost: Row = {
  id: 300,
  title: 'What does it cost?',
  panels: ask => [
    graph({
      title: 'Set-up of a connection, on average',
      size: [6, 9],
      explained: {
        what: 'How long DNS, TCP connect and TLS handshake take on average, one on top of the other: about what a request waits longer for on a new connection. DNS is that of all servers.',
        good: 'a few milliseconds inside a data centre, some tens across regions.',
        bad: 'more than the request itself takes.',
        act: 'keep connections, so that few requests wait for it; the phase that grew says whom to ask.',
        docs: 'metrics.md#connmeterconnectduration',
      },
      unit: 's',
      empty: 'Nothing was set up in this time range',
      stack: true,
      colours: Object.fromEntries(PHASES.map(({ phase, name }) => [name, PHASE_COLOURS[phase]])),
      calcs: ['mean', 'max'],
      queries: PHASES.map(({ name, metric }) => ({
        expr: share(ask.rateOfSum(metric), ask.rate(metric)),
        legend: name,
      })),
    }),
    quantiles(ask, {
      metric: 'dns.lookup.duration',
      title: 'DNS lookup',
      colour: PHASE_COLOURS.dns,
      bad: 'near 5 s, where a resolver timed out and was asked again; or all names slow at once, as lookups queue for the four threads that Node has for them.',
      act: 'keep connections, cache lookups near the process, raise `UV_THREADPOOL_SIZE`.',
      empty: 'No lookups in this time range',
    }),
    quantiles(ask, {
      metric: 'connmeter.connect.duration',
      title: 'TCP connect',
      colour: PHASE_COLOURS.connect,
      bad: 'above 0.5 s: a first packet was lost, or the server’s backlog is full. About 0.25 s more than usual: one address family does not answer.',
      act: 'look at Happy Eyeballs attempts in the row Failures, and at the server’s backlog.',
      empty: 'No connects in this time range',
    }),
    quantiles(ask, {
      metric: 'connmeter.tls.handshake.duration',
      title: 'TLS handshake',
      colour: PHASE_COLOURS.tls,
      bad: 'much longer than TCP connect: a busy event loop, or a busy server.',
      act: 'resume sessions; look at event loop delay.',
      empty: 'No TLS handshakes in this time range',
    }),
    graph({
      title: 'Wasted on set-up, by server',
      size: [8, 9],
      explained: {
        what: 'Seconds per second that went into DNS, TCP and TLS of HTTP connections that served one request at most.',
        good: 'zero, or nearly.',
        bad: 'grows with the request rate. 500 ms means: at every moment, half a request waits for nothing.',
        act: 'take the server on top, and read its cause in the table above.',
        docs: 'metrics.md#connmetersetupwasted',
      },
      unit: 's',
      empty: 'No HTTP connections in this time range',
      stack: true,
      queries: [{ expr: ask.rate('connmeter.setup.wasted', SERVER), legend: SERVER_LEGEND }],
      link: THIS_SERVER,
    }),
    graph({
      title: 'TLS sessions resumed',
      size: [8, 9],
      explained: {
        what: 'Share of TLS handshakes that took up an earlier session: shorter, and cheaper for both sides.',
        good: 'most, where connections are short-lived. Where they are kept there are few handshakes, and this says little.',
        bad: 'none, with many handshakes.',
        act: 'one agent for all requests: it is what keeps the sessions. Servers behind a load balancer have to share their ticket keys.',
        docs: 'metrics.md#connmetertlshandshakeduration',
      },
      unit: 'percentunit',
      max: 1,
      empty: 'No TLS handshakes in this time range',
      calcs: ['mean', 'lastNotNull'],
      leastFirst: true,
      link: THIS_SERVER,
      queries: [
        {
          expr: resumed(ask),
          legend: SERVER_LEGEND,
        },
      ],
    }),
    graph({
      title: 'Requests that a connection served',
      size: [8, 9],
      explained: {
        what: 'Of the HTTP connections that were closed, how many requests each had served.',
        good: 'most above 10. A connection that never closes is not in it.',
        bad: 'most served one: every request pays for a connection. Any that served none: requests were given up before they were sent.',
        act: 'look at the reasons above: they say what ended the connections so soon.',
        docs: 'metrics.md#connmeterconnectionrequests',
      },
      unit: 'percentunit',
      max: 1,
      empty: 'No HTTP connection was closed in this time range',
      stack: true,
      colours: SERVED_COLOURS,
      calcs: ['mean', 'lastNotNull'],
      queries: served(ask, 'connmeter.connection.requests'),
    }),
  ],
};

/** Where none was ever resumed there is no series that says so: zero then. */
function resumed(ask: PromQL): string {
  const done = ask.rate('connmeter.tls.handshake.duration', SERVER);
  const taken = ask.rate('connmeter.tls.handshake.duration', SERVER, { tls_resumed: 'true' });
  return share(`(${taken} or 0 * ${done})`, done);
}

interface Quantiles {
  readonly metric: string;
  readonly title: string;
  readonly colour: string;
  readonly bad: string;
  readonly act: string;
  readonly empty: string;
}

function quantiles(ask: PromQL, { metric, title, colour, bad, act, empty }: Quantiles) {
  return graph({
    title: `${title} time`,
    size: [6, 9],
    explained: {
      what: `How long a ${title} took: half of them less than p50, 95 in 100 less than p95, 99 less than p99. Estimated within the buckets of the histogram.`,
      good: 'level, and p99 not far from p95.',
      bad,
      act,
      docs: `metrics.md#${metric.replaceAll('.', '')}`,
    },
    unit: 's',
    empty,
    calcs: ['lastNotNull', 'max'],
    queries: [0.5, 0.95, 0.99].map(quantile => ({
      expr: ask.quantile(quantile, metric),
      legend: `p${quantile * 100}`,
    })),
    colours: { p50: faded(colour, 0.45), p95: faded(colour, 0.7), p99: colour },
  });
}
