import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, test } from 'vitest';

/** The path of a program that npm does not bring, if this machine has it. `folder`: where to look before PATH. */
export function pathOf(command: string, folder?: string): string | undefined {
  const { PATH = '' } = process.env;
  return [...(folder ? [folder] : []), ...PATH.split(':')].map(each => join(each, command)).find(isRunnable);
}

/** `test`, where these programs are. Elsewhere the tests are skipped, loudly; except under CI=true, where they fail. */
export function testWith(...commands: string[]): typeof test {
  const missing = commands.filter(command => pathOf(command) === undefined);
  if (missing.length === 0) return test;

  const why = `tests that need [${commands.join(' ')}] cannot run: there is no ${missing.join(', no ')}`;
  const { CI } = process.env;
  if (CI === 'true') {
    beforeEach(() => {
      throw new Error(why);
    });
    return test;
  }
  return skipped(why);
}

/** For programs that not even CI can always have: the tests are skipped, loudly. */
export function skipped(why: string): typeof test {
  console.warn(`\n*** SKIPPED: ${why}\n`);
  return test.skip as typeof test;
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
