import { CAUSES_AND_REASONS } from './explain.ts';
import { type Condition, parseConditions } from './fail-on.ts';

export interface Output {
  readonly plain: boolean;
  readonly json: boolean;
}

/** Runs a program. */
export interface RunCommand extends Output {
  readonly name: 'run';
  readonly program: string;
  readonly arguments: readonly string[];
  readonly failOn: readonly Condition[];
}

/** Watches a program that runs. */
export interface TopCommand extends Output {
  readonly name: 'top';
  readonly target: Target;
  readonly once: boolean;
}

/** Where it is: an address of `/metrics`, a process, or whatever has the port on this machine. */
export type Target =
  | { readonly kind: 'url'; readonly host: string; readonly port: number }
  | { readonly kind: 'process'; readonly pid: number }
  | { readonly kind: 'here' };

export type Command =
  | RunCommand
  | TopCommand
  | { readonly name: 'explain'; readonly topic: string }
  | { readonly name: 'help' }
  | { readonly name: 'version' }
  | { readonly name: 'wrong'; readonly why: string };

const MAX_PORT = 65_535;

/** Reads the arguments of the command. Options stand before the program: what follows belongs to the program. */
export function parseCommand(args: readonly string[]): Command {
  const output = { plain: false, json: false };
  let once = false;
  let failOn: readonly Condition[] = [];
  let index = 0;
  for (; index < args.length; index++) {
    const arg = args[index] as string;
    if (arg === '--') {
      index++;
      break;
    }
    if (!arg.startsWith('-')) break;

    const [option, given] = arg.split(/=(.*)/s, 2);
    if (option === '--help' || option === '-h') return { name: 'help' };
    if (option === '--version' || option === '-v') return { name: 'version' };
    if (option === '--plain') output.plain = true;
    else if (option === '--json') output.json = true;
    else if (option === '--once') once = true;
    else if (option === '--fail-on') {
      const conditions = parseConditions(given ?? args[++index]);
      if ('why' in conditions) return wrong(conditions.why);
      failOn = conditions.conditions;
    } else return wrong(`unknown option ${option}; options of the program stand after its name`);
  }
  const [first, ...rest] = args.slice(index);
  if (first === undefined) return args.length === 0 ? { name: 'help' } : wrong('expected a program to run');
  if (first === 'explain' && args[index - 1] !== '--') return explainCommand(rest);
  if (first === 'top' && args[index - 1] !== '--') return topCommand(rest, { ...output, once });
  if (once) return wrong('--once belongs to connmeter top');
  return { name: 'run', program: first, arguments: rest, failOn, ...output };
}

function explainCommand(topics: readonly string[]): Command {
  const [topic] = topics;
  if (topics.length !== 1 || topic === undefined)
    return wrong(`explain: expected one of ${CAUSES_AND_REASONS.join(', ')}, or the name of an alert`);
  return { name: 'explain', topic };
}

function topCommand(args: readonly string[], options: Output & { once: boolean }): Command {
  const flags = { ...options };
  const targets = args.filter(arg => {
    if (arg === '--plain') flags.plain = true;
    else if (arg === '--json') flags.json = true;
    else if (arg === '--once') flags.once = true;
    else return true;
    return false;
  });
  const [text] = targets;
  const target = text === undefined ? ({ kind: 'here' } as const) : parseTarget(text);
  if (targets.length > 1 || target === undefined)
    return wrong(`top: expected host:port or a process id, got ${targets.join(' ')}`);
  return { name: 'top', target, ...flags };
}

function parseTarget(text: string): Target | undefined {
  if (/^\d+$/.test(text)) return Number(text) > 0 ? { kind: 'process', pid: Number(text) } : undefined;

  const [, host = '', digits] = /^(?:https?:\/\/)?(\[[\da-f:.]+\]|[\w.-]*):(\d+)(?:\/.*)?$/i.exec(text) ?? [];
  const port = Number(digits);
  return digits === undefined || port < 1 || port > MAX_PORT
    ? undefined
    : { kind: 'url', host: host || 'localhost', port };
}

function wrong(why: string): Command {
  return { name: 'wrong', why: `${why}. See connmeter --help` };
}
