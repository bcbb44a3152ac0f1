import { describe, expect, test } from 'vitest';
import type { PoolIdentity } from '../../../src/client/attribution/pool-identity.ts';
import { Pools } from '../../../src/client/attribution/pools.ts';
import { Connection } from '../../../src/client/connection.ts';
import type { Origin } from '../../../src/core/origins.ts';
import type { CloseReason } from '../../../src/core/reasons.ts';
import { ReplaySocket } from '../../support/replay.ts';

const HERE: Origin = { address: 'a.test', port: 80 };
const MAX_ORIGINS = 5_000;

const agent = (pool: object = {}): PoolIdentity => ({ owner: 'agent', pool, slot: undefined, isRenewed: false });
/** A Pool of undici 7 or 8 in an Agent. */
const dispatcher = (pool: object = {}, slot: object = {}): PoolIdentity => ({
  owner: 'undici',
  pool,
  slot,
  isRenewed: true,
});
/** A Pool that undici does not show. */
const hidden = (slot: object = {}): PoolIdentity => ({ owner: 'undici', pool: undefined, slot, isRenewed: true });

/** undici announces each attempt with a connector, which is a function. */
const announcedBy = (identity: PoolIdentity | undefined) => (identity?.owner === 'undici' ? () => {} : undefined);

/** Connections that a test attempts, assigns, uses and closes, in any order. */
function playing() {
  const held = new Set<object>();
  const closing = new Map<object, CloseReason>();
  const newPools: (string | undefined)[] = [];
  const clock = { now: 0 };
  const pools = new Pools({
    callSiteOf: () => 'pay.ts:42',
    onNewPool: (_origin, site) => void newPools.push(site),
    states: {
      reasonOf: member => closing.get(member) ?? 'unknown',
      isUnread: member => held.has(member),
      isHeld: member => held.has(member) && clock.now >= 0.5,
      isClosing: member => closing.has(member),
    },
    now: () => clock.now,
  });

  function attempt(origin = HERE, connector?: object): Connection {
    const connection = new Connection(new ReplaySocket() as never, 0);
    pools.attempted(connection);
    if (connector !== undefined) pools.announced(connection, origin, connector);
    return connection;
  }
  return {
    pools,
    clock,
    held,
    closing,
    newPools,
    attempt,
    /** undici shows the pool when the connection is open; so do agents, at the attempt. */
    open(
      identity: PoolIdentity | undefined,
      origin = HERE,
      connection = attempt(origin, announcedBy(identity)),
    ): Connection {
      pools.assign(connection, origin, identity);
      return connection;
    },
    idle: (...connections: Connection[]) => {
      for (const each of connections) each.pool?.unused(each);
    },
    used: (connection: Connection) => connection.pool?.used(connection),
    close(connection: Connection, reason: CloseReason): void {
      pools.decideCause(connection, HERE);
      pools.closed(connection, reason);
    },
    /** The causes of connections, decided in the order that is given. */
    causes: (...connections: Connection[]) =>
      connections.map(connection => {
        pools.decideCause(connection, HERE);
        const { cause, replacedReason } = connection;
        return replacedReason === undefined ? cause : `${cause} ${replacedReason}`;
      }),
  };
}

describe('which connection was the first', () => {
  test('the first attempt that opened, in whatever order they are counted', () => {
    const { open, attempt, causes } = playing();
    const pool = {};
    const [early, late] = [attempt(HERE, () => {}), attempt(HERE, () => {})];
    const second = open(dispatcher(pool), HERE, late);
    const first = open(dispatcher(pool), HERE, early);

    expect(causes(second, first)).toEqual(['pool_busy', 'first']);
  });

  test('an attempt that failed is not the first, of its origin or of its pool', () => {
    const { pools, open, causes } = playing();
    const identity = agent();
    pools.withdraw(open(identity));

    expect(causes(open(identity), open(identity))).toEqual(['first', 'pool_busy']);
  });

  test('each agent is a pool of its own, and the line of its request is known', () => {
    const { open, causes, newPools } = playing();

    expect(causes(open(dispatcher()), open(dispatcher()), open(agent()))).toEqual(['first', 'new_pool', 'new_pool']);
    expect(newPools).toEqual(['pay.ts:42', 'pay.ts:42']);
  });

  test('sockets without a client are no pool', () => {
    const { open, close, causes } = playing();
    const first = open(undefined);
    const second = open(undefined);

    expect(causes(first, second)).toEqual(['first', 'pool_busy']);

    close(first, 'peer_closed');

    expect(causes(open(undefined))).toEqual(['replaced peer_closed']);
  });
});

describe('what a connection replaces', () => {
  test('its own place in the pool first, then the newest loss', () => {
    const { open, close, causes } = playing();
    const pool = {};
    const place = {};
    const [own, , newest] = [open(dispatcher(pool, place)), open(dispatcher(pool)), open(dispatcher(pool))];
    close(own as Connection, 'server_idle_close');
    close(newest as Connection, 'request_aborted');

    expect(causes(open(dispatcher(pool, place)))).toEqual(['replaced server_idle_close']);
    expect(causes(open(dispatcher(pool)), open(dispatcher(pool)))).toEqual(['replaced request_aborted', 'pool_busy']);
  });

  test('what its client has closed comes last', () => {
    const { open, close, causes } = playing();
    const pool = {};
    const [, lost, dropped] = [open(dispatcher(pool)), open(dispatcher(pool)), open(dispatcher(pool))];
    close(lost, 'server_closed_active');
    close(dropped, 'client_shutdown');

    expect(causes(open(dispatcher(pool)), open(dispatcher(pool)))).toEqual([
      'replaced server_closed_active',
      'replaced connection_expired',
    ]);
  });

  test('only what was lost before the attempt', () => {
    const { open, attempt, close, causes } = playing();
    const identity = agent();
    const first = open(identity);
    const later = attempt();
    close(first, 'server_idle_close');

    expect(causes(open(identity, HERE, later))).toEqual(['pool_busy']);
  });

  test('a loss comes before an idle connection', () => {
    const { open, idle, close, causes } = playing();
    const pool = {};
    const [one, other] = [open(dispatcher(pool)), open(dispatcher(pool))];
    idle(one, other);
    close(other, 'server_close_header');

    expect(causes(open(dispatcher(pool)))).toEqual(['replaced server_close_header']);
  });

  test('nothing lost for minutes, unless nothing else is left', () => {
    const { open, close, causes, clock } = playing();
    const pool = {};
    const [one, other] = [open(dispatcher(pool)), open(dispatcher(pool))];
    close(other, 'server_idle_close');
    clock.now = 600;

    expect(causes(open(dispatcher(pool)))).toEqual(['pool_busy']);

    const lonely = agent();
    close(open(lonely), 'server_idle_close');
    clock.now = 1_200;

    expect(causes(open(lonely))).toEqual(['replaced server_idle_close']);
    expect(one.cause).toBe('pending');
  });

  test('what a failed attempt would have replaced is still to be replaced', () => {
    const { pools, open, close, causes } = playing();
    const identity = agent();
    const other = open(identity);
    close(open(identity), 'goaway');
    pools.withdraw(open(identity));

    expect(causes(other, open(identity))).toEqual(['first', 'replaced goaway']);
  });

  test('a connection of an agent that is about to close', () => {
    const { open, closing, close, causes } = playing();
    const identity = agent();
    const leaving = open(identity);
    closing.set(leaving, 'server_close_header');
    const next = open(identity);
    close(leaving, 'server_closed_active');

    expect(causes(next, open(identity))).toEqual(['replaced server_closed_active', 'pool_busy']);
  });

  test('not a connection that is used again', () => {
    const { open, used, causes } = playing();
    const pool = {};
    const stays = open(dispatcher(pool));
    stays.pool?.leaves(stays, 'request_aborted');
    used(stays);

    expect(causes(stays, open(dispatcher(pool)))).toEqual(['first', 'pool_busy']);
  });

  test('a connection that its own client has retired, also if it is closed after the attempt', () => {
    const { open, idle, close, causes } = playing();
    const pool = {};
    const old = open(dispatcher(pool));
    idle(old);
    const renewed = open(dispatcher(pool));
    close(old, 'client_shutdown');

    expect(causes(renewed, open(dispatcher(pool)))).toEqual(['replaced connection_expired', 'pool_busy']);
    expect(old.loss?.reason).toBe('connection_expired');
  });

  test('a connection that its own client has closed has expired, if the pool opens another one', () => {
    const { open, close, causes } = playing();
    const pool = {};
    const [old] = [open(dispatcher(pool)), open(dispatcher(pool))];
    close(old as Connection, 'client_shutdown');

    expect(causes(open(dispatcher(pool)))).toEqual(['replaced connection_expired']);
    expect(old?.loss?.reason).toBe('connection_expired');
  });
});

describe('what the others did at the attempt', () => {
  test('one was idle, although it is not when the pool is known', () => {
    const { open, attempt, idle, used, causes } = playing();
    const pool = {};
    const other = open(dispatcher(pool));
    idle(other);
    const raced = attempt(HERE, () => {});
    used(other);
    const busy = attempt(HERE, () => {});
    idle(other);
    used(other);

    expect(causes(open(dispatcher(pool), HERE, busy), open(dispatcher(pool), HERE, raced))).toEqual([
      'pool_busy',
      'release_race',
    ]);
  });

  test('a body held one', () => {
    const { open, held, causes, clock } = playing();
    const identity = agent();
    held.add(open(identity));
    const second = open(identity);
    clock.now = 0.5;

    expect(causes(second)).toEqual(['body_held']);
  });

  test.each(['not read only since then', 'read since then'])('a body that is %s holds no connection', how => {
    const { open, held, causes, clock } = playing();
    const identity = agent();
    const first = open(identity);
    if (how === 'read since then') held.add(first);
    const second = open(identity);
    if (how === 'read since then') held.delete(first);
    else held.add(first);
    clock.now = 0.5;

    expect(causes(second)).toEqual(['pool_busy']);
  });

  test('a body holds only a newer one', () => {
    const { open, held, causes, clock } = playing();
    const identity = agent();
    open(identity);
    const second = open(identity);
    held.add(open(identity));
    clock.now = 0.5;

    expect(causes(second)).toEqual(['pool_busy']);
  });
});

describe('a pool that undici makes anew when its last connection is lost', () => {
  test('is the same pool', () => {
    const { open, close, causes } = playing();
    close(open(dispatcher()), 'client_idle_timeout');
    const pool = {};

    expect(causes(open(dispatcher(pool)), open(dispatcher(pool)))).toEqual([
      'replaced client_idle_timeout',
      'pool_busy',
    ]);
  });

  test.each<[string, CloseReason]>([
    ['closed its last connection', 'client_shutdown'],
    ['made another one beside it', 'server_idle_close'],
  ])('is a new one if the program %s', (how, reason) => {
    const { open, close, causes } = playing();
    const last = open(dispatcher());
    if (how.startsWith('made')) close(open(dispatcher()), 'server_idle_close');
    close(last, reason);

    expect(causes(open(dispatcher()))).toEqual(['new_pool']);
  });

  // undici 7 does this when a connection is lost while another one is still to open.
  test('is the same one if undici dropped the old one with a connection in it', () => {
    const { open, idle, close, causes } = playing();
    const old = {};
    const first = open(dispatcher(old));
    close(first, 'server_close_header');
    const orphan = open(dispatcher(old, { closed: true }));
    const beside = open(dispatcher());
    close(orphan, 'client_shutdown');
    idle(beside);

    expect(causes(beside, open(dispatcher()))).toEqual(['pool_busy', 'new_pool']);
  });

  test('is the same one after an orphan was the last connection', () => {
    const { open, close, causes } = playing();
    const old = {};
    close(open(dispatcher(old)), 'max_requests');
    close(open(dispatcher(old, { closed: true })), 'client_shutdown');

    expect(causes(open(dispatcher()))).toEqual(['replaced max_requests']);
  });

  test.each(['leaves', 'is upgraded'])('is the same one if the only other connection %s', how => {
    const { open, causes } = playing();
    const last = open(dispatcher());
    if (how === 'leaves') last.pool?.leaves(last, 'goaway');
    else last.takenOver = true;

    expect(causes(open(dispatcher()))).not.toEqual(['new_pool']);
  });

  test('is a new one if the program closed the old one while it connected, without a loss', () => {
    const { open, close, causes } = playing();
    close(open(dispatcher({}, { closed: true })), 'client_shutdown');

    expect(causes(open(dispatcher()))).toEqual(['new_pool']);
  });

  test('is a new one if it is an agent of node:http, which nobody but the program makes', () => {
    const { open, close, causes } = playing();
    close(open(agent()), 'server_idle_close');

    expect(causes(open(agent()))).toEqual(['new_pool']);
  });
});

describe('pools that undici does not show', () => {
  test('what happened in its own place is certain', () => {
    const { open, close, causes } = playing();
    const place = {};
    const first = open(hidden(place));
    open(hidden());
    close(first, 'server_close_header');

    expect(causes(open(hidden(place)))).toEqual(['replaced server_close_header']);
  });

  test('what another client closed explains nothing, even if the attempt was beside an idle connection', () => {
    const { open, idle, close, causes } = playing();
    const first = open(hidden());
    idle(first);
    const second = open(hidden());
    close(first, 'client_shutdown');

    expect(causes(second)).toEqual(['unknown']);
  });

  test('anything else is unknown while there are others', () => {
    const { open, close, idle, causes } = playing();
    const [first, second] = [open(hidden()), open(hidden())];
    idle(first);
    close(open(hidden()), 'server_idle_close');

    expect(causes(first, second, open(hidden()))).toEqual(['first', 'unknown', 'unknown']);
  });

  test.each<[CloseReason, string]>([
    ['client_shutdown', 'new_pool'],
    ['server_idle_close', 'replaced server_idle_close'],
  ])('after the only one was lost by %s it is %s', (reason, cause) => {
    const { open, close, causes } = playing();
    close(open(hidden()), reason);

    expect(causes(open(hidden()))).toEqual([cause]);
  });
});

test('an origin is forgotten if too many follow, first one without connections', () => {
  const { open, close, causes } = playing();
  const [live, closed] = [agent(), agent()];
  open(live, HERE);
  const other = { address: 'closed.test', port: 80 };
  close(open(closed, other), 'server_idle_close');
  for (let i = 2; i <= MAX_ORIGINS; i++) open(agent(), { address: `h${i}.test`, port: 80 });

  expect(causes(open(live, HERE), open(closed, other))).toEqual(['pool_busy', 'first']);
});
