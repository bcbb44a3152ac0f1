import { beforeEach, test } from 'vitest';

/** `test`, or tests that are skipped with a warning if there is an obstacle, or that fail if CI=true. */
export function testUnless(obstacle: string | undefined): typeof test {
  if (obstacle === undefined) return test;

  const { CI } = process.env;
  if (CI === 'true') {
    beforeEach(() => {
      throw new Error(obstacle);
    });
    return test;
  }
  return skipTests(obstacle);
}

/** Skips tests with a warning, also if CI=true. */
export function skipTests(why: string): typeof test {
  console.warn(`\n*** SKIPPED: ${why}\n`);
  return test.skip as typeof test;
}
