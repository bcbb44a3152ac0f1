import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { testUnless } from './skip.ts';

/** The path of a program that npm does not install, in a folder or in PATH; undefined if it is missing. */
export function pathOf(command: string, folder?: string): string | undefined {
  const { PATH = '' } = process.env;
  return (folder === undefined ? PATH.split(':') : [folder]).map(each => join(each, command)).find(isRunnable);
}

const { CONNMETER_PROMETHEUS3, CONNMETER_VICTORIA_METRICS } = process.env;
const ofVersion3 = (command: string) => (CONNMETER_PROMETHEUS3 ? pathOf(command, CONNMETER_PROMETHEUS3) : undefined);

/** Programs of Prometheus 3, from the folder in CONNMETER_PROMETHEUS3, because PATH may have version 2 (Debian 12). */
export const PROMETHEUS3 = ofVersion3('prometheus');
export const PROMTOOL3 = ofVersion3('promtool');

/** VictoriaMetrics, which accepts OTLP (Debian's Prometheus does not), from the folder in CONNMETER_VICTORIA_METRICS or PATH. */
export const VICTORIA_METRICS = pathOf('victoria-metrics', CONNMETER_VICTORIA_METRICS);

/** `test` if these programs are installed. Otherwise the tests are skipped with a warning, or fail if CI=true. */
export function testWith(...commands: string[]): typeof test {
  const missing = commands.filter(command => pathOf(command) === undefined);
  if (missing.length === 0) return test;

  return testUnless(`tests that need [${commands.join(' ')}] cannot run: there is no ${missing.join(', no ')}`);
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
