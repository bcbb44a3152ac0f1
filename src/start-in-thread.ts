import { type Copy, earlierCopy } from './first-copy.ts';
import { ConnectionInstrumentation } from './instrumentation.ts';
import { type Environment, readEnvironment, type Variables } from './register/environment.ts';
import { reportToMainThread } from './register/threads/reporting.ts';
import { SharedStorage } from './register/threads/shared-storage.ts';
import { offeredMemory, parentOf, threadId } from './register/threads/worker-data.ts';
import { exportGuard, hasGlobalMeterProvider, linesAt, optionsOf, startGuard } from './start-common.ts';
import { VERSION } from './version.ts';

let instrumentation: ConnectionInstrumentation | undefined;

const own: Copy = {
  get instrumentation() {
    return instrumentation;
  },
  /** The metrics are served by the main thread. */
  metricsText: async () => '',
  /** The exporters are in the main thread. */
  flush: async () => {},
};

let copy = own;

/**
 * Starts measuring in a worker thread. It opens no port and pushes nothing: its numbers are in memory that it shares with the
 * main thread. Returns undefined if nothing is measured. Never throws.
 */
export function start(variables: Variables): ConnectionInstrumentation | undefined {
  const environment = readEnvironment(variables);
  const { warn } = linesAt(environment.logLevel);
  const guard = startGuard(warn);
  guard('start', () => {
    const earlier = earlierCopy(own, guard);
    if (earlier !== undefined) copy = earlier;
    else if (hasGlobalMeterProvider()) instrumentation = new ConnectionInstrumentation(optionsOf(environment));
    else if (environment.exporters.length > 0) instrumentation = startReporting(environment, warn);
  })();
  return copy.instrumentation;
}

function startReporting(environment: Environment, warn: (line: string) => void): ConnectionInstrumentation | undefined {
  const memory = offeredMemory(VERSION);
  const entry = memory?.join(threadId, parentOf());
  if (memory === undefined || entry === undefined) {
    const why = memory === undefined ? 'its main thread is not' : 'there are too many threads';
    warn(`a worker thread is not measured: ${why}`);
    return undefined;
  }
  const storage = new SharedStorage(memory, entry, () =>
    warn('the numbers of a worker thread are not complete: there is no room for more of them'),
  );
  const measured = new ConnectionInstrumentation(optionsOf(environment), { storage });
  const guard = exportGuard(measured, warn);
  reportToMainThread({ memory, entry, storage, read: () => measured.read(), guard });
  return measured;
}

export function flush(): Promise<void> {
  return copy.flush();
}

export function metricsText(): Promise<string> {
  return copy.metricsText();
}
