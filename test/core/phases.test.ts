import { expect, test } from 'vitest';
import { phasesOf } from '../../src/core/phases.ts';

test.each([
  ['a name over TLS', { started: 1, resolved: 3, connected: 6, secured: 10 }, { dns: 2, connect: 3, tls: 4 }],
  ['an address', { started: 1, connected: 6 }, { connect: 5 }],
  ['a name not yet found', { started: 1 }, {}],
  ['a name found, not yet connected', { started: 1, resolved: 3 }, { dns: 2 }],
  ['connected at once', { started: 1, resolved: 1, connected: 1 }, { dns: 0, connect: 0 }],
])('%s', (_what, moments, phases) => {
  const absent = { dns: undefined, connect: undefined, tls: undefined };
  const none = { resolved: undefined, connected: undefined, secured: undefined };

  expect(phasesOf({ ...none, ...moments })).toEqual({ ...absent, ...phases });
});
