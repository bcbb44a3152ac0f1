import { expect, test } from 'vitest';
import { type ConnectionInstrumentationConfig, checkedOptions } from '../src/options.ts';

const DEFAULTS = {
  enabled: true,
  maxOrigins: 100,
  detail: 'full',
  callSites: true,
  servers: true,
  readUndiciInternals: true,
  traces: false,
};

test.each([
  ['nothing', undefined],
  ['an empty object', {}],
])('%s gives the defaults', (_what, config) => {
  expect(checkedOptions(config)).toEqual(DEFAULTS);
});

test.each([
  { enabled: false },
  { maxOrigins: 1 },
  { maxOrigins: 1000 },
  { detail: 'basic' },
  { detail: 'full' },
  { enabled: true, maxOrigins: 7, callSites: false, servers: false, readUndiciInternals: false, traces: true },
] satisfies ConnectionInstrumentationConfig[])('%j is taken as given', config => {
  expect(checkedOptions(config)).toEqual({ ...DEFAULTS, ...config });
});

test('unknown options are ignored, because the SDK adds its own', () => {
  const config = Object.freeze({ maxOrigins: 5, theirs: 'thing' });

  expect(checkedOptions(config)).toEqual({ ...DEFAULTS, maxOrigins: 5 });
});

test.each([
  [{ maxOrigins: 0 }, 'connmeter: option "maxOrigins" must be an integer from 1 to 1000, got 0'],
  [{ maxOrigins: 1001 }, 'connmeter: option "maxOrigins" must be an integer from 1 to 1000, got 1001'],
  [{ maxOrigins: 2.5 }, 'connmeter: option "maxOrigins" must be an integer from 1 to 1000, got 2.5'],
  [{ maxOrigins: Number.NaN }, 'connmeter: option "maxOrigins" must be an integer from 1 to 1000, got NaN'],
  [{ detail: 'Basic' }, 'connmeter: option "detail" must be "basic" or "full", got "Basic"'],
  [{ detail: false }, 'connmeter: option "detail" must be "basic" or "full", got false'],
  [{ callSites: 1 }, 'connmeter: option "callSites" must be a boolean, got 1'],
  [{ traces: 1 }, 'connmeter: option "traces" must be a boolean, got 1'],
  [{ readUndiciInternals: 'yes' }, 'connmeter: option "readUndiciInternals" must be a boolean, got "yes"'],
  [{ servers: 'off' }, 'connmeter: option "servers" must be a boolean, got "off"'],
  [{ maxOrigins: '50' }, 'connmeter: option "maxOrigins" must be an integer from 1 to 1000, got "50"'],
  [{ enabled: 'no' }, 'connmeter: option "enabled" must be a boolean, got "no"'],
  [{ enabled: 0 }, 'connmeter: option "enabled" must be a boolean, got 0'],
  ['fast', 'connmeter: option "config" must be an object, got "fast"'],
  [null, 'connmeter: option "config" must be an object, got null'],
])('%j is refused with a RangeError that says all there is to say', (config, message) => {
  // As an untyped program may call it.
  const given = config as ConnectionInstrumentationConfig;

  expect(() => checkedOptions(given)).toThrow(new RangeError(message));
});

test.each([
  ['an object without a prototype', Object.create(null)],
  ['a symbol', Symbol('many')],
  ['an object', {}],
])('%s in place of a number is refused with a RangeError too', (_what, maxOrigins) => {
  expect(() => checkedOptions({ maxOrigins })).toThrow(RangeError);
});
