import { expect, test } from 'vitest';
import { NO_ATTEMPTS, withAttempt, withOutcome } from '../../src/client/attempts.ts';

test('each address that is tried has one outcome, the first', () => {
  let attempts = withAttempt(NO_ATTEMPTS, 'ipv6');
  attempts = withOutcome(attempts, 'timed_out');
  attempts = withAttempt(attempts, 'ipv4');
  expect(attempts).toEqual([
    { type: 'ipv6', outcome: 'timed_out' },
    { type: 'ipv4', outcome: undefined },
  ]);

  attempts = withOutcome(withOutcome(attempts, 'ok'), 'failed');
  expect(attempts).toEqual([
    { type: 'ipv6', outcome: 'timed_out' },
    { type: 'ipv4', outcome: 'ok' },
  ]);
});

test('without an attempt, there is no outcome', () => {
  expect(withOutcome(NO_ATTEMPTS, 'failed')).toEqual([]);
});

test('connections with the same single attempt share it, and what happens to one changes no other', () => {
  const [one, other] = [withAttempt(NO_ATTEMPTS, 'ipv4'), withAttempt(NO_ATTEMPTS, 'ipv4')];
  expect(one).toBe(other);

  const [failed, withSecond] = [withOutcome(one, 'failed'), withAttempt(withOutcome(other, 'timed_out'), 'ipv6')];
  expect(one).toEqual([{ type: 'ipv4', outcome: undefined }]);
  expect(failed).toEqual([{ type: 'ipv4', outcome: 'failed' }]);
  expect(withSecond.map(({ outcome }) => outcome)).toEqual(['timed_out', undefined]);
  expect(NO_ATTEMPTS).toEqual([]);
});
