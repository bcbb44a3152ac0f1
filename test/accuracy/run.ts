// `npm run accuracy`: plays the scenarios, compares what connmeter says with what happened, and prints a table.
//   npm run accuracy -- scenario=shared,aborted client=undici7,fetch p=1,20 internals=on
// Further arguments: mark=path (marks requests only), jobs=1 (plays at a time), --verbose (each answer), --write (into the docs).
// Exits with 1 if a goal is missed.
import { CLIENTS, type ClientName } from './clients.ts';
import { type Internals, scoreOf, type Which } from './goals.ts';
import type { PlayOptions, PlayResult } from './play.ts';
import { runPlay } from './run-play.ts';
import { SCENARIOS } from './scenarios.ts';
import { type Cell, table, writeDocs } from './table.ts';

const words = process.argv.slice(2);
const options = new Map(words.filter(word => word.includes('=')).map(word => word.split('=') as [string, string]));
const list = <T extends string>(name: string, all: readonly T[]): readonly T[] => {
  const asked = options.get(name)?.split(',') ?? all;
  const strange = asked.filter(each => !all.includes(each as T));
  if (strange.length > 0) {
    console.error(`${name} must be some of ${all.join(',')}, got ${strange.join(',')}`);
    process.exit(2);
  }
  return all.filter(each => asked.includes(each));
};
const scenarios = list('scenario', Object.keys(SCENARIOS));
const clients = list<ClientName>('client', CLIENTS);
const parallels = (options.get('p') ?? '1,4,20').split(',').map(Number);
const modes = list<Internals>('internals', ['on', 'off']);
const [mark = 'address'] = list<PlayOptions['mark']>('mark', ['address', 'path']);
const jobs = Number(options.get('jobs') ?? 2);
const [verbose, write] = [words.includes('--verbose'), words.includes('--write')];

const plays: Which[] = modes.flatMap(internals =>
  scenarios.flatMap(scenario =>
    parallels.flatMap(parallel =>
      clients
        .filter(client => SCENARIOS[scenario]?.clients.includes(client))
        .map(client => ({ scenario, client, parallel, internals })),
    ),
  ),
);
const cells: Cell[] = [];
let next = 0;
const work = async () => {
  for (let which = plays[next++]; which !== undefined; which = plays[next++]) {
    const result = await runPlay(which, mark);
    cells.push({ which, score: scoreOf(which, result), problems: result.problems });
    report(which, result);
  }
};
await Promise.all(Array.from({ length: jobs }, work));

for (const internals of modes) {
  console.log(`\nUndici's internals ${internals}. In each cell: percent right / wrong / unknown; * misses its goal.\n`);
  console.log(table(cells, internals));
}
const missed = cells.filter(({ score, problems }) => !score.reached || problems.length > 0);
console.log(`\n${cells.length} plays, ${missed.length} of them miss their goal or have problems.`);
if (write) writeDocs(cells);
process.exitCode = missed.length > 0 ? 1 : 0;

/** Problems at once, and with `--verbose` every result. */
function report({ scenario, client, parallel, internals }: Which, { pairs, problems }: PlayResult): void {
  const name = `${scenario} ${client} p=${parallel}${internals === 'off' ? ' without internals' : ''}`;
  for (const problem of problems) console.log(`${name}: ${problem}`);
  if (!verbose) return;

  const answers = pairs.map(({ truth, told, count }) => `${count} ${truth === told ? truth : `${truth} > ${told}`}`);
  console.log(`${name}: ${answers.join(', ')}`);
}
