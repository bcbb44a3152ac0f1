/**
 * Zero-code entry point: `node --import connmeter/register app.js`. Measures all connections from the start, and serves the
 * metrics for Prometheus at http://localhost:9464/metrics. The standard `OTEL_*` variables change this, see the README. If a
 * global MeterProvider is registered already, it is used instead. Never ends the process, nor keeps it alive: problems are
 * printed to stderr, one line each.
 */

import type { ConnectionInstrumentation } from './instrumentation.ts';
import { isSupportedNode, SUPPORTED_NODE } from './register/node-version.ts';
import type * as Start from './start.ts';

/** The active instrumentation, for example for `connections.snapshot()`. Undefined if nothing is measured. */
export let instrumentation: ConnectionInstrumentation | undefined;

let started: typeof Start | undefined;

/**
 * Sends what the exporters that push (`otlp`, `console`) have not sent yet. Call it before `process.exit()`: a process that ends by
 * itself does not need it. Resolves when all have sent, or have failed; never rejects.
 */
export async function flush(): Promise<void> {
  await started?.flush();
}

/**
 * The text of `/metrics`, to serve it beside other metrics of the program. In a process that serves for others, it has the numbers of
 * all, otherwise those of this process. Empty if `OTEL_METRICS_EXPORTER` excludes `prometheus`, or nothing is measured.
 *
 * @throws whatever made the collection fail.
 */
export async function metricsText(): Promise<string> {
  return (await started?.metricsText()) ?? '';
}

/** What is needed of a response of `node:http`. */
export interface Response {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(text?: string): unknown;
}

/**
 * Answers a request with the text of `/metrics`: a handler for a server of the program. Whoever may ask is up to the program.
 * Resolves when it has answered, with 500 if the collection failed; never rejects.
 *
 * @example
 * app.get('/connmeter', handleMetrics);
 */
export async function handleMetrics(_request: unknown, response: Response): Promise<void> {
  try {
    const text = await metricsText().catch(() => undefined);
    if (text === undefined) response.statusCode = 500;
    else response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
    response.end(text);
  } catch {
    // The response was sent already.
  }
}

if (!isDisabled()) {
  if (isSupportedNode(process.versions.node)) startNow();
  else sayUnsupported();
}

/** As `readEnvironment` reads it. If connmeter is disabled, it loads this file alone. */
function isDisabled(): boolean {
  return process.env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true';
}

/** An old Node has no `process.getBuiltinModule`, so nothing else is loaded. */
function sayUnsupported(): void {
  const { node } = process.versions;
  if (/^(none|error)$/i.test(process.env['OTEL_LOG_LEVEL']?.trim() ?? '')) return;

  console.error(`connmeter: Node.js ${node} is not supported, so nothing is measured: use ${SUPPORTED_NODE}`);
}

/** Loads the rest of connmeter. `require` is synchronous, so the program waits for it. */
function startNow(): void {
  let loaded: typeof Start;
  try {
    const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);
    const path = `${isMainThread() ? './start' : './start-in-thread'}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`;
    loaded = require(path) as typeof Start;
  } catch {
    startLater();
    return;
  }
  begin(loaded);
}

function begin(loaded: typeof Start): void {
  started = loaded;
  instrumentation = loaded.start(process.env);
}

/** A worker thread loads less: it serves nothing. */
function isMainThread(): boolean {
  return process.getBuiltinModule('node:worker_threads').isMainThread;
}

/** Used if ES modules cannot be required: a flag of Node disables it, or the program is importing the same modules right now. */
function startLater(): void {
  const { writeSync } = process.getBuiltinModule('node:fs');
  const loading: Promise<typeof Start> = isMainThread() ? import('./start.ts') : import('./start-in-thread.ts');
  loading.then(
    begin,
    ({ name, code = name }) => void writeSync(2, `connmeter: could not start, so nothing is measured: ${code}\n`),
  );
}
