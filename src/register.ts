/**
 * Zero-code start: `node --import connmeter/register app.js`. Measures from the first connection on, and serves the
 * metrics for Prometheus at http://localhost:9464/metrics, or as the standard `OTEL_*` variables say (see the README).
 * Uses the global MeterProvider where one is registered already, and sets none. Never ends or holds the process: what
 * cannot be done is said in one line on stderr.
 */

import { guardWith } from './core/guard.ts';
import type { ConnectionInstrumentation } from './instrumentation.ts';
import { readEnvironment } from './register/environment.ts';
import type * as Start from './start.ts';

/** The instrumentation in force, for its `connections.snapshot()`; undefined where nothing is measured. */
export let instrumentation: ConnectionInstrumentation | undefined;

const environment = readEnvironment(process.env);
if (!environment.disabled) guardWith(startLater)('start', startNow)();

/** Loads the rest only now, as nothing of it is needed where it is disabled; by `require`, so that the program waits for it. */
function startNow(): void {
  const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);
  const path = import.meta.url.endsWith('.ts') ? './start.ts' : './start.js';
  instrumentation = (require(path) as typeof Start).start_(environment);
}

/** Where ES modules cannot be required: Node was told so by a flag, or the program is importing the same ones just now. */
function startLater(): void {
  const { writeSync } = process.getBuiltinModule('node:fs');
  import('./start.ts').then(
    ({ start_ }) => {
      instrumentation = start_(environment);
    },
    ({ name, code = name }) =>
      void writeSync(2, `connmeter: could not start, the program runs on unmeasured: ${code}\n`),
  );
}
