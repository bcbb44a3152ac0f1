import { parseArgs } from 'node:util';

export const USAGE = `Runs the tests of another library with and without connmeter, and compares them test by test.

  npm run compat -- [options] <folder> <test command...>

  --node <path>       the Node that runs the suite (default: the first on the PATH)
  --timeout <s>       seconds that one run may take (default: 900)
  --idle <s>          seconds that a run may print nothing (default: 120)
  --rounds <n>        maximum number of runs with and without connmeter, if tests differ (default: 6)
  --junit <file>      read this JUnit file, which the suite itself writes below <folder>
  --as-is             add no arguments to the command
  --no-watch          leave out the watched run, which collects every 25 ms
  --keep <folder>     keep the output of all runs in this folder
`;

export interface CompatOptions {
  readonly folder: string;
  readonly words: readonly string[];
  readonly node: string | undefined;
  readonly timeout: number;
  readonly idle: number;
  readonly rounds: number;
  readonly junit: string | undefined;
  readonly asIs: boolean;
  readonly watch: boolean;
  readonly keep: string | undefined;
}

/** Parses the arguments; undefined if they are invalid. Options come before the folder, the command after it. */
export function parseOptions(argv: readonly string[]): CompatOptions | undefined {
  const takesValue = ['--node', '--timeout', '--idle', '--rounds', '--junit', '--keep'];
  let end = 0;
  while (argv[end]?.startsWith('--')) end += takesValue.includes(argv[end] as string) ? 2 : 1;
  const [folder, ...words] = argv.slice(end);
  if (folder === undefined || words.length === 0) return undefined;

  const { values } = parseArgs({
    args: argv.slice(0, end) as string[],
    options: {
      node: { type: 'string' },
      timeout: { type: 'string', default: '900' },
      idle: { type: 'string', default: '120' },
      rounds: { type: 'string', default: '6' },
      junit: { type: 'string' },
      'as-is': { type: 'boolean', default: false },
      'no-watch': { type: 'boolean', default: false },
      keep: { type: 'string' },
    },
  });
  const [timeout, idle, rounds] = [Number(values.timeout), Number(values.idle), Number(values.rounds)];
  if (!(timeout > 0) || !(idle > 0) || !(rounds >= 1)) return undefined;
  return {
    folder,
    words,
    node: values.node,
    timeout,
    idle,
    rounds,
    junit: values.junit,
    asIs: values['as-is'],
    watch: !values['no-watch'],
    keep: values.keep,
  };
}
