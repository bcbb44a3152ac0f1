import { expect } from 'vitest';
import type { Readings } from '../support/instrument.ts';
import { namespace, testInNamespace } from '../support/namespace.ts';
import type { BothSidesReport } from '../support/netns/both-sides.ts';
import type { MixedReport } from '../support/netns/mixed-traffic.ts';
import type { TwoFamiliesReport } from '../support/netns/two-families.ts';

const test = testInNamespace();

/** Sums of a metric by the values of its labels, without zeros. */
function sums(readings: Readings, metric: string, ...labels: string[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const { attributes, value } of readings.points(metric)) {
    const key = labels.map(label => attributes[label]).join(' ');
    if (value !== 0) sum[key] = (sum[key] ?? 0) + value;
  }
  return sum;
}

test('thousands of connections of all kinds match what the kernel and the servers counted', async () => {
  const { run } = namespace();

  const { readings, activeOpens, established, accepts, failures, jobs, succeeded } =
    await run<MixedReport>('mixed-traffic.ts');

  const opened = readings.value('connmeter.connection.opened');
  const failed = sums(readings, 'connmeter.connection.failed', 'connmeter.phase');
  const { connect = 0, tls = 0, ...elsewhere } = failed;
  expect(activeOpens.byAll).toBeGreaterThan(3_000);
  expect(opened + connect + tls).toBe(activeOpens.byAll);
  expect(opened + tls).toBe(accepts);
  expect(elsewhere).toEqual({});
  expect(activeOpens.byReading).toBe(0);

  // 50 of each kind that gives up, except those that never connect; 50 that the server resets.
  const { aborted: givenUp, ...byType } = sums(readings, 'connmeter.connection.failed', 'error.type');
  expect(givenUp).toBe(100);
  expect({ ...byType, ECONNRESET: 50 }).toEqual(failures);
  expect({ connect, tls }).toEqual({ connect: 400 + 50, tls: 380 + 50 });
  expect(succeeded).toBe(jobs - 400 - 380 - 50);

  expect(readings.value('connmeter.connection.closed')).toBe(opened);
  expect(sums(readings, 'http.client.open_connections')).toEqual({});
  expect(sums(readings, 'http.client.active_requests')).toEqual({});
  expect(established.after).toBe(established.before);
}, 60_000);

test('attempts by family and outcome (Happy Eyeballs) match what the kernel counted', async () => {
  const { run } = namespace();

  const { readings, activeOpens, accepts, endings } = await run<TwoFamiliesReport>('two-families.ts');

  expect(endings).toEqual({ ok: 300, ECONNREFUSED: 60 });
  expect(accepts).toBe(300);
  expect(sums(readings, 'connmeter.connect.attempts', 'network.type', 'connmeter.outcome')).toEqual({
    'ipv6 failed': 280 + 60, // refused, then connected or refused over IPv4
    'ipv6 timed_out': 20,
    'ipv6 ok': 2, // the two that fill the backlog
    'ipv4 ok': 300,
    'ipv4 failed': 60,
  });
  expect(readings.value('connmeter.connect.attempts')).toBe(activeOpens);
  expect(readings.value('connmeter.connection.opened')).toBe(302);
  expect(sums(readings, 'connmeter.connection.failed', 'connmeter.phase', 'error.type')).toEqual({
    'connect ECONNREFUSED': 60,
  });
});

test('connections that the clients opened and the servers accepted match what the kernel counted', async () => {
  const { run } = namespace();

  const { readings, activeOpens, passiveOpens, endings } = await run<BothSidesReport>('both-sides.ts');

  const opened = readings.value('connmeter.connection.opened');
  const failed = sums(readings, 'connmeter.connection.failed', 'connmeter.phase');
  const accepted = readings.value('connmeter.server.connection.accepted');
  const refused = readings.value('connmeter.server.connection.refused');
  expect(activeOpens).toBeGreaterThan(500);
  expect(passiveOpens).toBe(activeOpens);
  expect({ opened: opened + (failed['tls'] ?? 0), elsewhere: { ...failed, tls: 0 } }).toEqual({
    opened: activeOpens,
    elsewhere: { tls: 0 },
  });
  expect(accepted + refused).toBe(passiveOpens);
  expect(refused).toBe(10);

  // Requests match on both sides, except those whose TLS handshake failed.
  const lost = sums(readings, 'connmeter.server.connection.closed', 'connmeter.close.reason');
  const sent = readings.value('connmeter.requests');
  expect(readings.value('connmeter.server.requests')).toBe(sent - 10); // 10 plain HTTP requests to a TLS port
  expect(lost['tls_failed']).toBe(25 + 10);
  expect(lost['unknown']).toBeUndefined();

  expect(readings.value('connmeter.server.connection.closed')).toBe(accepted);
  expect(sums(readings, 'connmeter.server.connection.open')).toEqual({});
  expect(readings.value('connmeter.server.connection.duration')).toBe(accepted);
  expect(endings['ok']).toBeGreaterThanOrEqual(830 - 25 - 25 - 10 - 10 - 10); // refused connections may end with a reset or not
});
