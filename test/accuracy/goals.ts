import type { ClientName } from './clients.ts';
import type { PlayResult } from './play.ts';

/** Whether accuracy.test.ts fails if a goal is missed. */
export const ENFORCED = true;

/** Whether connmeter reads undici's internals: its option `readUndiciInternals`. */
export type Internals = 'on' | 'off';

/** One wrong answer per play never misses a goal: it may be more than one percent of a few connections. */
const TOLERATED = 1;

/** In percent of the connections that were opened. A wrong answer names another cause than the true one; `unknown` is not wrong. */
export interface Goal {
  readonly right: number;
  readonly wrong: number;
}

export const GOALS: Readonly<Record<Internals, Goal>> = {
  on: { right: 95, wrong: 1 },
  off: { right: 0, wrong: 2 },
};

interface Where {
  readonly scenarios: readonly string[];
  readonly clients?: readonly ClientName[];
  readonly internals?: Internals;
  readonly why: string;
}

/** Answers that count as right although they are not the true cause. */
export const TIES: readonly (Where & { readonly truth: string; readonly told: string })[] = [
  {
    scenarios: ['agent_per_request_server_idle'],
    truth: 'new_pool',
    told: 'replaced',
    why:
      'The agent of undici drops its pool with the last connection. If the server closed that one, the next agent cannot be ' +
      'distinguished from a shared agent that makes its pool again. The first fix is the same: a longer keep-alive of the server.',
  },
  {
    scenarios: ['aborted', 'agents_in_turn', 'limited', 'max_idle', 'shared', 'three_agents', 'many_origins'],
    clients: ['http-late', 'http-base'],
    truth: 'release_race',
    told: 'pool_busy',
    why:
      'The agent decides to connect when all connections are busy, and connects a moment later. The judge looks at the moment ' +
      'of the connect, when one may be idle again.',
  },
  ...(['pool_busy', 'replaced'] as const).map(truth => ({
    scenarios: ['aborted', 'keepalive_off', 'limited', 'max_idle', 'server_close'],
    clients: ['http-late'] as const,
    truth,
    told: truth === 'replaced' ? 'pool_busy' : 'replaced',
    why:
      'Of two connections that such an agent opens at the same time, one replaces a lost connection and the other one is for one more ' +
      'request. Which is which was decided before they connect, and nothing shows it.',
  })),
];

/** Goals that are lower for a reason. */
export const EXCEPTIONS: readonly (Where & { readonly parallel?: readonly number[]; readonly goal: Goal })[] = [
  {
    scenarios: ['aborted', 'agent_per_request_beside_shared', 'max_requests', 'clients_kept_with_listener'],
    internals: 'off',
    goal: { right: 0, wrong: 8 },
    why:
      'A connection in a place that has lost one replaces it. Without the internals, nothing shows that the pool has already made ' +
      'that good elsewhere.',
  },
  {
    scenarios: ['agents_in_turn'],
    clients: ['undici7', 'undici8', 'fetch'],
    internals: 'on',
    goal: { right: 15, wrong: 2 },
    why:
      'Each agent of undici drops its pool with the last connection and makes another one. Nothing leads from a pool to its ' +
      'agent, so while other agents are in use, such a pool may belong to a new agent just as well: unknown.',
  },
  {
    scenarios: ['limited'],
    clients: ['http-late'],
    goal: { right: 88, wrong: 2 },
    why: 'The agent opens more connections than it has requests for. Those that it never uses have no known cause.',
  },
  {
    scenarios: ['keepalive_off', 'server_close', 'client_ttl_slow'],
    clients: ['undici7'],
    internals: 'on',
    goal: { right: 94, wrong: 5 },
    why: 'The agent of undici 7 drops a pool that still has connections, as in one_connection, but rarely.',
  },
  {
    scenarios: ['one_connection'],
    clients: ['undici7'],
    internals: 'on',
    goal: { right: 70, wrong: 25 },
    why:
      'The agent of undici 7 drops its only client while requests wait for it. They go on in the dropped client, and the next ' +
      'ones in another beside it. The judge counts both for the agent.',
  },
  {
    scenarios: ['one_connection'],
    clients: ['undici7'],
    internals: 'off',
    goal: { right: 10, wrong: 75 },
    why:
      'The agent of undici 7 drops its only client while requests wait for it. They go on in the dropped client, and the next ' +
      'ones in another beside it. The judge counts both for the agent, connmeter for two pools.',
  },
];

export type Verdict = 'right' | 'wrong' | 'unknown';

/** What is not an answer. */
const NO_ANSWER = ['unknown', 'pending', 'missing', 'undefined'];

export interface Which {
  readonly scenario: string;
  readonly client: ClientName;
  readonly parallel: number;
  readonly internals: Internals;
}

export function verdict(which: Which, truth: string, told: string): Verdict {
  if (truth === told) return 'right';
  if (NO_ANSWER.includes(told)) return 'unknown';
  return TIES.some(tie => tie.truth === truth && tie.told === told && applies(tie, which)) ? 'right' : 'wrong';
}

export function goalOf(which: Which): Goal {
  const exception = EXCEPTIONS.find(each => applies(each, which) && (each.parallel?.includes(which.parallel) ?? true));
  return exception?.goal ?? GOALS[which.internals];
}

function applies({ scenarios, clients, internals }: Where, which: Which): boolean {
  return (
    scenarios.includes(which.scenario) &&
    (clients?.includes(which.client) ?? true) &&
    (internals === undefined || internals === which.internals)
  );
}

export interface Score {
  readonly total: number;
  /** In percent, not rounded. */
  readonly right: number;
  readonly wrong: number;
  readonly unknown: number;
  readonly reached: boolean;
}

export function scoreOf(which: Which, { pairs }: PlayResult): Score {
  const counts = { right: 0, wrong: 0, unknown: 0 };
  for (const { truth, told, count } of pairs) counts[verdict(which, truth, told)] += count;
  const total = counts.right + counts.wrong + counts.unknown;
  const percent = (count: number) => (total === 0 ? 0 : (100 * count) / total);
  const [right, wrong, unknown] = [percent(counts.right), percent(counts.wrong), percent(counts.unknown)];
  const goal = goalOf(which);
  const isWrongTooOften = counts.wrong > TOLERATED && wrong > goal.wrong;
  return { total, right, wrong, unknown, reached: total > 0 && right >= goal.right && !isWrongTooOften };
}
