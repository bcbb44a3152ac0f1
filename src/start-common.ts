import { type Guard, guardWith, oncePerPlace, stackOf } from './core/guard.ts';
import { printable } from './core/origins.ts';
import type { ConnectionInstrumentation } from './instrumentation.ts';
import type { ConnectionInstrumentationConfig } from './options.ts';
import { apiIfUsed, isNoop } from './otel-api.ts';
import type { Environment } from './register/environment.ts';

const { write: writeLines, writeSync } = process.getBuiltinModule('node:fs');

const MAX_LINE_LENGTH = 1_000;

/** Prints lines as far as the log level allows it: one for what is wrong, one for what is only informative. */
export interface Lines {
  readonly warn: (line: string) => void;
  readonly info: (line: string) => void;
}

/** Writes to the descriptor, not to `process.stderr`: an error of that stream, such as a closed pipe, would end the program. */
const write = guardWith(() => {})(
  'write',
  (line: string) => void writeSync(2, `connmeter: ${printable(line.slice(0, MAX_LINE_LENGTH))}\n`),
);

export function linesAt(level: Environment['logLevel']): Lines {
  const none = () => {};
  return { warn: level === 'none' ? none : write, info: level === 'info' ? write : none };
}

/** Writes lines as they are, without waiting until somebody reads them: a full pipe must not block the program. */
export function writeLater(lines: readonly string[]): void {
  if (lines.length > 0) writeLines(2, lines.map(line => `${line}\n`).join(''), () => {});
}

/** Writes lines as they are, before it returns: for the end of a process. */
export const writeNow = guardWith(() => {})(
  'write',
  (lines: readonly string[]) => void writeSync(2, lines.map(line => `${line}\n`).join('')),
);

/** Catches what keeps connmeter from starting. */
export function startGuard(warn: Lines['warn']): Guard {
  return guardWith((where, error) => warn(`could not ${where}, so nothing is measured: ${error}`));
}

/** Catches faults of the parts that hand the numbers over: each is counted, and the first one of each place is printed. */
export function exportGuard(measured: ConnectionInstrumentation, warn: Lines['warn']): Guard {
  const warnOnce = oncePerPlace((where, error) =>
    warn(`could not ${where}; the program is not affected: ${stackOf(error)}`),
  );
  return guardWith((where, error) => {
    measured.countFault('exposition');
    warnOnce(where, error);
  });
}

export function optionsOf(environment: Environment): ConnectionInstrumentationConfig {
  const { readUndiciInternals, maxOrigins, detail, originName, traces } = environment;
  return { traces, readUndiciInternals, maxOrigins, detail, ...(originName && { originName }) };
}

/** Without a registered provider, the API returns its no-op meter. */
export function hasGlobalMeterProvider(): boolean {
  const api = apiIfUsed();
  return api !== undefined && !isNoop(api.metrics.getMeterProvider().getMeter('connmeter'));
}
