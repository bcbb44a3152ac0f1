import { appendFileSync } from 'node:fs';
import type { Reporter, TestCase } from 'vitest/node';

/**
 * A reporter for CI. Adds each test that passed only when it ran again to the file CONNMETER_SECOND_RUNS, so that the end of the report
 * names them: such a test has a race, or the code has.
 */
export default class SecondRuns implements Reporter {
  onTestCaseResult(test: TestCase): void {
    const { CONNMETER_SECOND_RUNS: file } = process.env;
    if (file && test.diagnostic()?.flaky) appendFileSync(file, `  ${test.module.relativeModuleId}: ${test.fullName}\n`);
  }
}
