// Loaded after connmeter/register into each process of a watched run: collects constantly, and logs what connmeter measured
// and its faults when the process exits. It has no import of a Node module, because an ES import runs all getters of the
// module, and some of them open standard streams.
const { appendFileSync } = process.getBuiltinModule('node:fs');
const { isMainThread } = process.getBuiltinModule('node:worker_threads');
const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);
const { DiagLogLevel, diag } = require('@opentelemetry/api');
const { MeterProvider, MetricReader } = require('@opentelemetry/sdk-metrics');

const log = process.env.CONNMETER_WATCH_LOG;
const { instrumentation } = await import(process.env.CONNMETER_WATCH_REGISTER);

class Reader extends MetricReader {
  async onForceFlush() {}
  async onShutdown() {}
}

if (isMainThread && instrumentation !== undefined) watch(instrumentation);

function watch(instrumentation) {
  const faults = [];
  let collections = 0;
  const note = (...words) => void faults.push(words.map(String).join(' ').slice(0, 2000));
  const warned = (message, ...more) => {
    if (/internal error/.test(message)) note(message, more[0]?.stack); // what else it warns of is the program's business
  };
  diag.setLogger({ error: note, warn: warned, info() {}, debug() {}, verbose() {} }, DiagLogLevel.WARN);

  const reader = new Reader();
  instrumentation.setMeterProvider(new MeterProvider({ readers: [reader] }));
  const collect = async () => {
    const { resourceMetrics, errors } = await reader.collect();
    collections++;
    for (const error of errors) note('collection', error?.stack ?? error);
    for (const { descriptor, dataPoints } of resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics)) {
      const values = dataPoints.map(({ value }) => (typeof value === 'number' ? value : value.count));
      if (!values.every(value => value >= 0)) note('not a count:', descriptor.name, values);
    }
  };
  setInterval(() => void collect().catch(note), 25).unref();

  // Also at intervals: a killed process has no exit event.
  setInterval(write, 1000).unref();
  process.once('exit', write);

  function write() {
    void collect().catch(note); // the values are read synchronously
    const { origins, live } = instrumentation.connections.snapshot();
    const sum = counts => counts.reduce((total, { count }) => total + count, 0);
    const opened = origins.reduce((total, origin) => total + sum(origin.opened), 0);
    const closed = origins.reduce((total, origin) => total + sum(origin.closed), 0);
    const requests = origins.reduce((total, { requests: { fresh, reused } }) => total + fresh + reused, 0);
    const open = live.filter(({ state }) => state !== 'opening').length;
    if (opened - closed !== open && live.length < 1000)
      note(`opened ${opened} - closed ${closed}, but ${open} are open`);
    const program = process.argv[1] ?? process.argv0;
    appendFileSync(
      log,
      `${JSON.stringify({ pid: process.pid, program, opened, closed, open, requests, collections, faults })}\n`,
    );
  }
}
