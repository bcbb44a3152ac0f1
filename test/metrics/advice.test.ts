import { expect, test } from 'vitest';
import { adviceOf } from '../../src/metrics/advice.ts';
import { ListenerCounts } from '../../src/metrics/listener-counts.ts';
import { OriginCounts } from '../../src/metrics/origin-counts.ts';

const here = { address: 'a.test', port: 80 };
const times = (count: number, run: () => void) => {
  for (let i = 0; i < count; i++) run();
};

test.each([
  ['undici', 'new Agent({ keepAliveTimeout: 4_000 })'],
  ['agent', 'new http.Agent({ keepAlive: true, timeout: 4_000 })'],
])('a client of %s should close a fifth earlier than its server', (owner, code) => {
  const origin = new OriginCounts(here, true);
  origin.idleOwner = owner;
  times(19, () => origin.idleLimit.add(5));

  expect(adviceOf([origin], [])).toEqual([]);

  origin.idleLimit.add(5);

  expect(adviceOf([origin], [])).toEqual([
    { kind: 'client_idle_timeout', ...here, seconds: 5, observations: 20, code },
  ]);
});

test('a server should close later than its proxy, whose limit may be known', () => {
  const listener = new ListenerCounts(here, true);
  times(30, () => listener.proxiedIdle.add('server', 5));
  const advice = { kind: 'server_keep_alive', ...here, seconds: 5, observations: 30 };

  expect(adviceOf([], [listener])).toEqual([{ ...advice, code: 'server.keepAliveTimeout = 65_000' }]);

  times(3, () => listener.proxiedIdle.add('client', 90));
  times(3, () => listener.proxiedIdle.add('reused', 1));

  expect(adviceOf([], [listener])).toHaveLength(1);

  listener.proxiedIdle.add('client', 90); // more than one in ten

  expect(adviceOf([], [listener])).toEqual([]);
});

test('the line has the limit of the proxy and five seconds, if that has shown it', () => {
  const listener = new ListenerCounts(here, true);
  times(20, () => listener.proxiedIdle.add('client', 120));
  times(200, () => listener.proxiedIdle.add('server', 5));

  expect(adviceOf([], [listener])).toMatchObject([{ code: 'server.keepAliveTimeout = 125_000' }]);
});
