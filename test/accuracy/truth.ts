import type { OpenCause } from '../../src/core/causes.ts';
import type { Entry, Logged } from './log.ts';

/** The connections of one dispatcher to one origin. */
interface Members {
  readonly live: Set<Logged>;
  /** Connections that were lost, and that no other replaced. */
  readonly losses: Logged[];
}

/**
 * The true cause of each connection, the first that applies:
 *
 * 1. `first`: nothing has connected to the origin before.
 * 2. `new_pool`: its dispatcher has not connected to the origin before.
 * 3. `replaced`: a connection of the dispatcher is leaving (destroyed, ended, or its client is closed).
 * 4. `replaced`: its own place in the pool has lost a connection.
 * 5. `replaced`: the dispatcher has lost a connection that no other replaced.
 * 6. `release_race`: a connection of the dispatcher is idle.
 * 7. `pool_busy`: everything else.
 *
 * An attempt that fails has no cause, and replaces nothing. `ownerOf` names the dispatcher of a connection, or returns
 * undefined if the connection is not judged.
 */
export function trueCauses(
  entries: readonly Entry[],
  ownerOf: (connection: Logged) => string | undefined,
): Map<Logged, OpenCause> {
  const causes = new Map<Logged, OpenCause>();
  const origins = new Map<number, Map<string, Members>>();
  const replacedAlready = new Set<Logged>();

  for (const entry of entries) {
    const { connection } = entry;
    const owner = connection.opened ? ownerOf(connection) : undefined;
    if (owner === undefined) continue;

    const dispatchers = origins.get(connection.port) ?? new Map<string, Members>();
    origins.set(connection.port, dispatchers);
    const members = dispatchers.get(owner) ?? { live: new Set(), losses: [] };
    if (entry.type === 'close') {
      members.live.delete(connection);
      if (!replacedAlready.has(connection)) members.losses.push(connection);
      continue;
    }

    causes.set(connection, causeOf(entry, dispatchers.size === 0, dispatchers.get(owner), replacedAlready));
    dispatchers.set(owner, members);
    members.live.add(connection);
  }
  return causes;
}

function causeOf(
  { connection, others }: Extract<Entry, { type: 'attempt' }>,
  isFirst: boolean,
  members: Members | undefined,
  replacedAlready: Set<Logged>,
): OpenCause {
  if (isFirst) return 'first';
  if (members === undefined) return 'new_pool';

  const { live, losses } = members;
  const own = others.filter(other => live.has(other.connection));
  const leaving = own.find(other => other.leaving && !replacedAlready.has(other.connection));
  if (leaving !== undefined) {
    replacedAlready.add(leaving.connection);
    return 'replaced';
  }
  const loss = losses.findLast(({ slot }) => slot !== undefined && slot === connection.slot) ?? losses.at(-1);
  if (loss !== undefined) {
    losses.splice(losses.indexOf(loss), 1);
    return 'replaced';
  }
  return own.some(({ idle, leaving }) => idle && !leaving) ? 'release_race' : 'pool_busy';
}
