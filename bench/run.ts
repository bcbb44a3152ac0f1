// node bench/run.ts [--full] [--only steady | new-connection/http | series | …] [--rounds 6]
//   [--variants nobody,noop,connmeter] [--json <file>] [--write]
// Measures the cost of connmeter, of other instrumentations and of no instrumentation, and prints a report. The full run
// also writes bench/results.json and the tables of docs/performance.md. With --write, so does a part of the full run: the other parts
// keep their figures.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { measure } from './measure.ts';
import { ServerProcess } from './processes.ts';
import { report } from './report.ts';
import { withReport } from './report-page.ts';
import type { Results } from './results.ts';
import type { VariantName } from './variants.ts';

const { values: options } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    rounds: { type: 'string' },
    variants: { type: 'string' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const { full, only, variants, json, write } = options;
const root = `${import.meta.dirname}/..`;

const server = new ServerProcess();
const began = performance.now();
const say = (line: string) => {
  if (process.stderr.isTTY) console.error(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${line}`);
};
try {
  const results = await measure(
    server,
    {
      full,
      only,
      ...(options.rounds === undefined ? {} : { rounds: Number(options.rounds) }),
      ...(variants === undefined ? {} : { variants: variants.split(',') as VariantName[] }),
    },
    say,
  );
  const text = report(results);
  console.log(text);

  if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, undefined, 2)}\n`);
  if (full && variants === undefined && (only === '' || write)) {
    const [file, document] = [`${root}/bench/results.json`, `${root}/docs/performance.md`];
    const all = only === '' ? results : withParts(JSON.parse(readFileSync(file, 'utf8')), results);
    writeFileSync(file, JSON.stringify(all));
    execFileSync(`${root}/node_modules/.bin/biome`, ['format', '--write', file], { cwd: root });
    writeFileSync(document, withReport(readFileSync(document, 'utf8'), report(all)));
  }
} finally {
  server.stop();
}

/** The results of an earlier run, with the parts of a later one in place of its own. */
function withParts(earlier: Results, later: Results): Results {
  return { ...earlier, ...later, traffic: { ...earlier.traffic, ...later.traffic } };
}
