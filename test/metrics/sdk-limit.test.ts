import { expect, test } from 'vitest';
import { warningOfSdkLimit } from '../../src/metrics/sdk-limit.ts';

test.each([
  [100, 'full', undefined],
  [130, 'full', undefined],
  [
    131,
    'full',
    "maxOrigins is 131, but OpenTelemetry's SDK keeps 2,000 series of a metric, enough for about 130 origins: the rest has no labels, unless the MeterProvider has the View { instrumentName: '*', aggregationCardinalityLimit: 1965 }",
  ],
  [200, 'basic', undefined],
  [1000, 'basic', expect.stringContaining('enough for about 200 origins')],
] as const)('maxOrigins %i in %s detail: %s', (maxOrigins, detail, warning) => {
  expect(warningOfSdkLimit(maxOrigins, detail)).toEqual(warning);
});
