import { parseArgs } from 'node:util';
import { INCIDENTS } from './all.ts';
import type { Incident } from './incident.ts';

export interface Arguments {
  readonly incidents: readonly Incident[];
  readonly secondsPerIncident: number;
  /** The port of the metrics. */
  readonly port: number;
  /** Start again after the last incident. */
  readonly repeat: boolean;
  /** Print the names of the incidents, and do nothing else. */
  readonly list: boolean;
}

const OPTIONS = {
  'seconds-per-incident': { type: 'string' },
  port: { type: 'string' },
  only: { type: 'string' },
  repeat: { type: 'boolean' },
  list: { type: 'boolean' },
} as const;

/** An error has one line: the option, what was expected, and what came. */
export function readArguments(args: readonly string[]): Arguments {
  const { tokens } = parseArgs({ args: [...args], options: OPTIONS, strict: false, tokens: true });
  const given = new Map<string, string | undefined>();
  for (const token of tokens) {
    const arg = token.kind === 'option' ? token.rawName : args[token.index];
    if (token.kind !== 'option' || !isOption(token.name)) {
      const known = Object.keys(OPTIONS).map(name => `--${name}`);
      throw new Error(`expected one of ${known.join(', ')}, got ${JSON.stringify(arg)}`);
    }
    if (OPTIONS[token.name].type === 'boolean' && token.value !== undefined) throw wrong(arg, 'no value', token.value);
    given.set(token.name, token.value);
  }

  const numberOf = (option: keyof typeof OPTIONS, what: string, min: number, max: number, otherwise: number) => {
    if (!given.has(option)) return otherwise;
    const value = Number(given.get(option) || Number.NaN);
    if (value >= min && value <= max && (option !== 'port' || Number.isInteger(value))) return value;
    throw wrong(`--${option}`, `${what} from ${min} to ${max}`, given.get(option));
  };
  const only = INCIDENTS.filter(({ name }) => name === given.get('only'));
  if (given.has('only') && only.length === 0) {
    throw wrong('--only', `one of ${INCIDENTS.map(({ name }) => name).join(', ')}`, given.get('only'));
  }
  return {
    incidents: given.has('only') ? only : INCIDENTS,
    secondsPerIncident: numberOf('seconds-per-incident', 'seconds', 2, 86_400, 240),
    port: numberOf('port', 'a port', 1, 65_535, 19_464),
    repeat: given.has('repeat'),
    list: given.has('list'),
  };
}

function isOption(name: string): name is keyof typeof OPTIONS {
  return Object.hasOwn(OPTIONS, name);
}

function wrong(option: string | undefined, expected: string, got: string | undefined): Error {
  return new Error(`${option}: expected ${expected}, got ${got === undefined ? 'nothing' : JSON.stringify(got)}`);
}
