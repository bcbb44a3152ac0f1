import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { recordingOf } from './fleet.ts';
import type { FAULTY } from './programs/faulty.ts';
import type { HEALTHY } from './programs/healthy.ts';
import type { RecordedSeries, Recording } from './recordings.ts';
import type { Life, Segment } from './timeline.ts';

/** A fault, and the alerts that have to fire. */
export interface Fault {
  readonly alerts: readonly string[];
  /** What the service does before and after. */
  readonly instead: keyof typeof HEALTHY;
  /** What it does during the fault. Without it, what it always does. */
  readonly recording?: () => Recording;
  /** Replaces values during the fault, for what cannot be recorded. */
  readonly synthetic?: Life['synthetic'];
  /** Replaces values before and after it. */
  readonly usually?: Life['synthetic'];
  readonly outage?: 'down' | 'silent';
  /** Hours without the fault that the alert compares it with. */
  readonly needsHours?: number;
}

const faulty = (program: keyof typeof FAULTY, alerts: string[], instead: keyof typeof HEALTHY = 'plain'): Fault => ({
  alerts: alerts.map(name => `Connmeter${name}`),
  instead,
  recording: () => recordingOf(program),
});

/** Of a host with 200 local ports, by test/live/ports.test.ts. No program can use up 28,000 of them in a recording. */
function portsExhausted(): Recording {
  const path = join(import.meta.dirname, '../support/recordings/port-exhaustion.yaml');
  const { input_series: all } = parse(readFileSync(path, 'utf8')) as {
    input_series: { series: string; values: string }[];
  };
  const series = all.map(({ series, values }): RecordedSeries => {
    const [, name = '', labels = ''] = /^(\w+)\{(.*)\}$/.exec(series) ?? [];
    return {
      name,
      labels: Object.fromEntries(
        Array.from(labels.matchAll(/(\w+)="([^"]*)"/g), ([, label = '', value = '']) => [
          label,
          label === 'server_address' ? 'orders.internal' : value,
        ]),
      ),
      values: values.split(' ').map(value => (value === '_' ? null : Number(value))),
    };
  });
  // That test keeps only the metrics of connections and ports. Every process has these two.
  const always = ['connmeter_dns_pending', 'connmeter_processes'].map(
    (name, value): RecordedSeries => ({ name, labels: {}, values: Array.from({ length: 31 }, () => value) }),
  );
  // It uses up the ports once, and then has none for the rest of the time.
  return { program: 'ports-exhausted', interval: 15, warmUp: 20, scrapes: 31, series: [...series, ...always] };
}

export const FAULTS: Readonly<Record<string, Fault>> = {
  'client per request': faulty('client-per-request', ['ClientPerRequest']),
  'bodies unread': faulty('bodies-unread', ['BodiesHeld']),
  'keep-alive off': faulty('keep-alive-off', ['ReuseLow', 'OneShotConnections']),
  'idle connections closed by the server': faulty('idle-closed-by-server', ['ReuseLow']),
  'keep-alive off in part': { ...faulty('keep-alive-partly-off', ['ReuseDropped']), needsHours: 24 },
  'many new connections': faulty('new-connections-high', ['NewConnectionsHigh']),
  'DNS slow': faulty('dns-slow', ['DnsSlow']),
  'DNS failing': faulty('dns-failing', ['DnsFailing']),
  'many lookups': faulty('dns-rate-high', ['DnsRateHigh']),
  'connects refused': faulty('connect-refused', ['ConnectRefused']),
  'connects unanswered': faulty('connect-unanswered', ['ConnectTimedOut']),
  'handshakes hang': faulty('handshakes-hang', ['ConnectionsHang']),
  'certificate expired': faulty('tls-failing', ['TlsFailing']),
  'TLS not resumed': faulty('tls-not-resumed', ['TlsNotResumed']),
  'proxy refuses': faulty('proxy-refusing', ['ProxyRefusing']),
  'pool saturated': faulty('pool-saturated', ['PoolSaturated']),
  'keep-alive race': faulty('keep-alive-race', ['KeepAliveRace']),
  'server gives up first': faulty('server-gives-up-first', ['ServerGivesUpFirst'], 'behind-balancer'),
  'server closes idle early': faulty(
    'server-closes-idle-early',
    ['ServerClosesIdleConnectionsEarly'],
    'behind-balancer',
  ),
  'client per query': faulty('client-per-query', ['ClientPerQuery'], 'database'),
  'ports exhausted': {
    alerts: ['ConnmeterPortsExhausted'],
    instead: 'plain',
    recording: portsExhausted,
  },
  'ports running out': {
    ...faulty('new-connections-high', ['PortsRunningOut']),
    // 120 connections/s leave 7,200 sockets in TIME_WAIT, which is half of a smaller range of ports.
    synthetic: name =>
      name === 'connmeter_ports_time_wait' ? 7_200 : name === 'connmeter_ports_ephemeral' ? 12_000 : undefined,
  },
  'a process missing': {
    alerts: ['ConnmeterProcessesMissing'],
    instead: 'plain',
    needsHours: 6,
    usually: name => (name === 'connmeter_processes' ? 4 : undefined),
    synthetic: name => (name === 'connmeter_processes' ? 3 : undefined),
  },
  'not reporting': { alerts: ['ConnmeterNotReporting'], instead: 'plain', outage: 'silent' },
  'target down': { alerts: ['ConnmeterTargetDown'], instead: 'plain', outage: 'down' },
};

/** A service for each fault. It has one instance, which has the fault in the given time. */
export function faultyServices(
  faults: Readonly<Record<string, Fault>>,
  duration: number,
  [from, to]: readonly [number, number],
): Life[] {
  return Object.entries(faults).flatMap(([job, fault]): Life[] => {
    const { instead, recording = () => recordingOf(instead), synthetic, usually, outage } = fault;
    const labels = { namespace: 'shop', job, instance: 'one' };
    const usual = (from: number): Segment[] => [{ recording: recordingOf(instead), from, isStart: true }];
    const end = duration + 60;
    if (outage) return [{ labels, from: -60, to: end, segments: usual(-60), outage: { from, to, kind: outage } }];

    const life = (from: number, to: number, isFault: boolean): Life => {
      const values = isFault ? synthetic : usually;
      const segments = isFault ? [{ recording: recording(), from, isStart: true }] : usual(from);
      return { labels, from, to, segments, ...(values && { synthetic: values }) };
    };
    return [life(-60, from, false), life(from, to, true), life(to, end, false)];
  });
}
