import { expect, test } from 'vitest';
import { verdictOf } from '../../scripts/audit.ts';

// Answers of `npm audit --omit=dev --json`, npm 11, shortened.
test.each([
  [
    'no findings',
    { vulnerabilities: {}, metadata: { vulnerabilities: { high: 0, total: 0 } } },
    'clean',
    'No known vulnerabilities',
  ],
  [
    'findings',
    { vulnerabilities: { braces: { severity: 'high' } }, metadata: { vulnerabilities: { high: 1, total: 1 } } },
    'found',
    'braces (high)',
  ],
  [
    'a registry without advisories',
    {
      message: '405 Method Not Allowed - POST /-/npm/v1/security/advisories/bulk',
      statusCode: 405,
      error: { summary: '' },
    },
    'not asked',
    'NOT AUDITED',
  ],
  [
    'no lockfile',
    { error: { code: 'ENOLOCK', summary: 'This command requires an existing lockfile.' } },
    'failed',
    'requires an existing lockfile',
  ],
  ['an unknown answer', {}, 'failed', 'npm audit failed'],
])('%s: %j is "%s"', (_what, answer, kind, line) => {
  expect(verdictOf(JSON.stringify(answer))).toEqual({ kind, line: expect.stringContaining(line) });
});

test('empty output is not a clean audit', () => {
  expect(verdictOf('').kind).toBe('failed');
});
