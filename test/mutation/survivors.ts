import type { Mutant } from './mutants.ts';

/** Mutants that no test can notice, by file and by the changed line, with the reason. */
const EXPLAINED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'src/client/attribution/pool.ts': {
    'isDoubtful = true;': 'it is set for each pool of a client, and means nothing for the others',
    '#isInherited = true;': 'it means nothing before a connection of a dropped pool is added, which sets it',
    'if (!member.hadIdle || member.replaces === undefined) member.hadUnread = this.#findUnread();':
      'it only saves a check: the causes `replaced` and `release_race` come before `body_held`',
    'if (raced === undefined || raced.order <= loss.openedAs) return;':
      'each attempt has an order of its own, and a connection does not race with its own loss',
  },
  'src/client/attribution/losses.ts': {
    'return this.#all.some(loss => loss.openedAs <= order && loss.order > order);': 'orders are unique',
    'return this.#all.some(loss => loss.openedAs < order && loss.order >= order);':
      'orders are unique, except if an agent is found to close a connection at an attempt; then that connection is still in the pool',
  },
  'src/client/attribution/idle-count.ts': {
    'if (this.#changes.length >= 0) this.#changes = [];': 'it only saves an allocation',
    'if (this.#changes.length <= 0) this.#changes = [];':
      'changes that are over have a lower order than every later attempt, so they are never found',
    '} else if (this.#changes.at(0)?.order !== latestAttempt) {':
      'a second entry with the same order is never found, because the first one is',
  },
  'src/client/attribution/first.ts': {
    'if (order <= this.#order) this.#order = order;': 'the value is the same',
  },
};

export function explanationOf({ file, line, text }: Mutant): string | undefined {
  const changed = text.split('\n')[line - 1] ?? '';
  return EXPLAINED[file]?.[changed.trim()];
}
