import type { InRounds } from './results.ts';

/** What a turn has measured. */
export type Figures = Readonly<Record<string, number>>;

/** Each round runs every variant once, one after another. */
export async function inRounds<Name extends string, Result extends object>(
  rounds: number,
  names: readonly Name[],
  run: (name: Name) => Promise<Result> | Result,
): Promise<Record<Name, InRounds<Result>>> {
  return inTurns<Name, Result>(rounds, names, async function* (name) {
    yield (await run(name)) as Figures;
  });
}

/**
 * Each round has a fresh process for every variant, all of which take turns until their work is done: only one works at a time. So what
 * slows down the machine for some seconds affects all of them. Every second turn is in reverse order, and each two of them begin with
 * another variant, so that none always follows the same one.
 */
export async function inTurns<Name extends string, Result extends object>(
  rounds: number,
  names: readonly Name[],
  begin: (name: Name) => AsyncGenerator<Figures> | Promise<AsyncGenerator<Figures>>,
): Promise<Record<Name, InRounds<Result>>> {
  const found = Object.fromEntries(names.map(name => [name, {}])) as Record<Name, Record<string, number[][]>>;
  for (let round = 0; round < rounds; round++) {
    const working = new Map<Name, AsyncGenerator<Figures>>();
    try {
      for (const name of names) working.set(name, await begin(name));
      for (let turn = round; working.size > 0; turn++) {
        for (const name of inOrderOf(turn, names)) {
          const next = await working.get(name)?.next();
          if (next?.done === true) working.delete(name);
          else add(found[name], round, next?.value ?? {});
        }
      }
    } finally {
      for (const left of working.values()) await left.return(undefined);
    }
  }
  return found as unknown as Record<Name, InRounds<Result>>;
}

function inOrderOf<Name>(turn: number, names: readonly Name[]): Name[] {
  const first = (turn >> 1) % names.length;
  const order = [...names.slice(first), ...names.slice(0, first)];
  return turn % 2 === 0 ? order : order.reverse();
}

function add(figures: Record<string, number[][]>, round: number, turn: Figures): void {
  for (const [figure, value] of Object.entries(turn)) {
    figures[figure] ??= [];
    figures[figure][round] ??= [];
    figures[figure][round].push(rounded(value));
  }
}

/** Rounds to four significant digits, more than can be measured. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
