import { describe, expect, test } from 'vitest';
import type { PoolIdentity } from '../../../src/client/attribution/pool-identity.ts';
import { Pools } from '../../../src/client/attribution/pools.ts';
import { Connection } from '../../../src/client/connection.ts';
import type { Origin } from '../../../src/core/origins.ts';
import type { CloseReason } from '../../../src/core/reasons.ts';
import { ReplaySocket } from '../../support/replay.ts';

const HERE: Origin = { address: 'a.test', port: 80 };
const MAX_ORIGINS = 5_000;

const agent = (pool: object = {}): PoolIdentity => ({
  owner: 'agent',
  pool,
  slot: undefined,
  isRenewed: false,
  limit: Infinity,
});
/** A Pool of undici 7 or 8 in an Agent. */
const dispatcher = (pool: object = {}, slot: object = {}): PoolIdentity => ({
  owner: 'undici',
  pool,
  slot,
  isRenewed: true,
  limit: Infinity,
});
/** A Pool that undici does not show. */
const hidden = (slot: object = {}): PoolIdentity => ({
  owner: 'undici',
  pool: undefined,
  slot,
  isRenewed: true,
  limit: Infinity,
});

/** undici announces each attempt with a connector, which is a function. */
const announcedBy = (identity: PoolIdentity | undefined) => (identity?.owner === 'undici' ? () => {} : undefined);

/** Connections that a test attempts, assigns, uses and closes, in any order. */
function playing() {
  const held = new Set<object>();
  const closing = new Map<object, CloseReason>();
  const newPools: (string | undefined)[] = [];
  const asked = { callSites: 0, isUnread: 0 };
  const clock = { now: 0 };
  const pools = new Pools({
    callSiteOf: () => {
      asked.callSites++;
      return 'pay.ts:42';
    },
    onOpened: (_origin, problem, site) => void (problem === 'new_pool' && newPools.push(site)),
    states: {
      reasonOf: member => closing.get(member) ?? 'unknown',
      isUnread: member => {
        asked.isUnread++;
        return held.has(member);
      },
      isHeld: member => held.has(member) && clock.now >= 0.5,
      isClosing: member => closing.has(member),
    },
    now: () => clock.now,
  });

  function attempt(origin = HERE, connector?: object): Connection {
    const connection = new Connection(new ReplaySocket() as never, clock.now);
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
    asked,
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

  test('there is only one, even if an earlier attempt is counted later', () => {
    const { open, attempt, causes } = playing();
    const pool = {};
    const [early, late] = [attempt(HERE, () => {}), attempt(HERE, () => {})];

    expect(causes(open(dispatcher(pool), HERE, late))).toEqual(['first']);
    expect(causes(open(dispatcher(pool), HERE, early))).toEqual(['unknown']);
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

  test('pools are numbered', () => {
    const { open } = playing();
    const pool = {};

    expect([open(agent(pool)), open(agent()), open(agent(pool)), open(undefined)].map(each => each.poolNumber)).toEqual(
      [1, 2, 1, undefined],
    );
  });

  test('the line of the request is looked for at each attempt, also for a message without a connector', () => {
    const { attempt, pools, asked } = playing();
    const connector = () => {};
    attempt(HERE, connector);
    attempt(HERE, connector);
    pools.announced(attempt(), HERE, {});
    pools.announced(attempt(), HERE, null as unknown as object);

    expect(asked.callSites).toBe(4);
  });

  test('the pool may be known only after the attempt was counted to another one', () => {
    const { open, pools, causes } = playing();
    const pool = {};
    const first = open(agent(pool));
    const late = open(agent());
    pools.reassign(late, HERE, agent(pool));

    expect(causes(first, late)).toEqual(['first', 'pool_busy']);

    pools.reassign(late, HERE, agent());

    expect(late.poolNumber).toBe(first.poolNumber);
  });

  test('a new pool has replaced nothing, even if its place in the pool has lost a connection', () => {
    const { open, close, causes } = playing();
    const place = {};
    open(agent());
    close(open(dispatcher({}, place)), 'goaway');

    expect(causes(open(dispatcher({}, place)))).toEqual(['new_pool']);
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

  test('the newest loss first', () => {
    const { open, close, causes } = playing();
    const identity = agent();
    open(identity);
    const reasons: CloseReason[] = ['goaway', 'server_idle_close', 'request_aborted'];
    const lost = reasons.map(() => open(identity));
    for (const [i, each] of lost.entries()) close(each, reasons[i] as CloseReason);

    expect(causes(open(identity), open(identity), open(identity))).toEqual([
      'replaced request_aborted',
      'replaced server_idle_close',
      'replaced goaway',
    ]);
  });

  test('the newest first also of those that the program closed', () => {
    const { open, close } = playing();
    const identity = agent();
    open(identity);
    const lost = [open(identity), open(identity)];
    for (const each of lost) close(each, 'client_shutdown');

    expect(open(identity).replaces).toBe(lost[1]?.loss);
  });

  test('a pool forgets half of its losses when it has 512', () => {
    const { open, close, causes } = playing();
    const identity = agent();
    const lost = Array.from({ length: 512 }, () => open(identity));
    open(identity);
    for (const each of lost) close(each, 'goaway');
    const told = causes(...lost.map(() => open(identity)));

    expect(told.filter(each => each === 'replaced goaway')).toHaveLength(256);
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

  test('what was lost two minutes ago, beside others', () => {
    const { open, close, causes, clock } = playing();
    const identity = agent();
    open(identity);
    close(open(identity), 'goaway');
    clock.now = 120;

    expect(causes(open(identity))).toEqual(['replaced goaway']);
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

  test('a connection of an agent that is about to close, beside one that is not', () => {
    const { open, closing, causes } = playing();
    const identity = agent();
    open(identity);
    closing.set(open(identity), 'server_close_header');

    expect(causes(open(identity))).toEqual(['replaced server_close_header']);
  });

  test('a connection that its own client has closed after it left the pool, and another one replaced it', () => {
    const { open, close } = playing();
    const played = [dispatcher(), agent()].map(identity => {
      const old = open(identity);
      old.pool?.leaves(old, 'unknown');
      open(identity);
      close(old, 'client_shutdown');
      return old.loss?.reason;
    });

    expect(played).toEqual(['connection_expired', 'client_shutdown']);
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

  test('a body holds no older one, and not its own', () => {
    const { open, held, causes, clock } = playing();
    const identity = agent();
    const first = open(identity);
    held.add(first);
    const second = open(identity);
    held.delete(first);
    held.add(second);
    clock.now = 0.5;

    expect(causes(second)).toEqual(['pool_busy']);
  });

  test('only the oldest are looked at: 16 at the attempt, 100 later', () => {
    const { open, held, causes, clock, asked } = playing();
    const identity = agent();
    const others = Array.from({ length: 101 }, () => open(identity));
    asked.isUnread = 0;
    const next = open(identity);

    expect(asked.isUnread).toBe(16);

    clock.now = 0.5;

    expect(causes(next)).toEqual(['pool_busy']);

    held.add(others[15] as Connection);
    const blamed = open(identity);
    clock.now = 1;

    expect(causes(blamed)).toEqual(['body_held']);
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

  test.each<[string, CloseReason, CloseReason]>([
    ['replaced server_idle_close', 'client_shutdown', 'server_idle_close'],
    ['new_pool', 'server_idle_close', 'client_shutdown'],
  ])('only the last loss matters: %s', (cause, before, last) => {
    const { open, close, causes } = playing();
    const pool = {};
    const [one, other] = [open(dispatcher(pool)), open(dispatcher(pool))];
    close(one, before);
    close(other, last);

    expect(causes(open(dispatcher()))).toEqual([cause]);
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

  test('is the same one if undici dropped the old one, also beside a pool in use, but only once', () => {
    const { open, close, causes } = playing();
    open(dispatcher());
    const old = {};
    open(dispatcher(old));
    close(open(dispatcher(old)), 'server_close_header');
    open(dispatcher(old, { closed: true }));

    expect(causes(open(dispatcher()), open(dispatcher()))).toEqual(['pool_busy', 'new_pool']);
  });

  test('is a new one beside a dropped one if undici does not make it anew', () => {
    const { open, close, causes } = playing();
    open(dispatcher());
    const old = {};
    close(open(dispatcher(old)), 'server_close_header');
    open(dispatcher(old, { closed: true }));

    expect(causes(open({ ...dispatcher(), isRenewed: false, limit: Infinity }))).toEqual(['new_pool']);
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

  test.each<[string, PoolIdentity]>([
    ['the old one was an agent', agent()],
    ['undici did not show the old one', hidden()],
  ])('is a new one if %s', (_what, identity) => {
    const { open, close, causes } = playing();
    close(open(identity), 'server_idle_close');

    expect(causes(open(dispatcher()))).toEqual(['new_pool']);
  });

  test.each<[string, number, string]>([
    ['less than five minutes', 299, 'new_pool'],
    ['five minutes', 300, 'replaced server_idle_close'],
  ])('%s after another one was made beside it', (_when, seconds, cause) => {
    const { open, close, causes, clock } = playing();
    const one = open(dispatcher());
    const other = open(dispatcher());
    close(one, 'server_idle_close');
    clock.now = seconds;
    close(other, 'server_idle_close');

    expect(causes(open(dispatcher()))).toEqual([cause]);
  });

  test('is no longer missing: the next one beside it is new', () => {
    const { open, used, close, causes } = playing();
    const last = open(dispatcher());
    Object.assign(last, { requests: 1 });
    used(last);
    close(last, 'server_idle_close');

    expect(causes(open(dispatcher()), open(dispatcher()))).toEqual(['replaced server_idle_close', 'new_pool']);
  });

  test.each<[number, string]>([
    [8, 'replaced goaway'],
    [9, 'new_pool'],
  ])('of %i pools that are about to end, at most 8 are looked at: %s', (count, cause) => {
    const { open, causes, clock } = playing();
    const leaving = Array.from({ length: count }, () => open(dispatcher()));
    clock.now = 600;
    for (const each of leaving) each.pool?.leaves(each, 'goaway');

    expect(causes(open(dispatcher()))).toEqual([cause]);
  });

  test('is a new one if it is an agent of node:http, which nobody but the program makes', () => {
    const { open, close, causes } = playing();
    close(open(agent()), 'server_idle_close');

    expect(causes(open(agent()))).toEqual(['new_pool']);
  });
});

describe('a pool that begins beside others, after one that was used again and again lost its last connection', () => {
  /** Two pools, of which one ends. Returns what begins then. */
  function playTwo(requests: number, reason: CloseReason, identity = dispatcher()) {
    const played = playing();
    const { open, used, close } = played;
    open(dispatcher());
    const other = open(identity);
    for (let sent = 0; sent < requests; sent++) {
      Object.assign(other, { requests: sent });
      used(other);
    }
    close(other, reason);
    return { ...played, beginning: () => open({ ...identity, pool: {}, slot: {} }) };
  }

  test('may be that pool, once', () => {
    const { beginning, causes } = playTwo(2, 'server_idle_close');

    expect(causes(beginning(), beginning())).toEqual(['unknown', 'new_pool']);
  });

  test.each(['at a time', 'one after another'])('may be that pool if it had several connections, %s', how => {
    const { open, close, causes } = playing();
    open(dispatcher());
    const pool = {};
    const one = open(dispatcher(pool));
    if (how === 'one after another') close(one, 'server_idle_close');
    close(open(dispatcher(pool)), 'server_idle_close');
    if (how === 'at a time') close(one, 'server_idle_close');

    expect(causes(open(dispatcher()))).toEqual(['unknown']);
  });

  test('is doubtful for its first connection only', () => {
    const { open, causes } = playTwo(2, 'server_idle_close');
    const pool = {};

    expect(causes(open(dispatcher(pool)), open(dispatcher(pool)))).toEqual(['unknown', 'pool_busy']);
  });

  test.each<[string, ...Parameters<typeof playTwo>]>([
    ['it served one request', 1, 'server_idle_close'],
    ['the program closed it', 2, 'client_shutdown'],
    ['it was an agent of node:http', 2, 'server_idle_close', agent()],
    ['undici does not make it anew', 2, 'server_idle_close', { ...dispatcher(), isRenewed: false, limit: Infinity }],
  ])('is a new one if %s', (_why, ...args) => {
    const { beginning, causes } = playTwo(...args);

    expect(causes(beginning())).toEqual(['new_pool']);
  });

  test('only the last 16 such pools are remembered', () => {
    const { open, used, close, causes } = playing();
    open(dispatcher());
    const pools = Array.from({ length: 20 }, () => open(dispatcher()));
    for (const each of pools) {
      Object.assign(each, { requests: 1 });
      used(each);
    }
    for (const each of pools) close(each, 'server_idle_close');
    const told = causes(...Array.from({ length: 20 }, () => open(dispatcher())));

    expect(told).toEqual([...Array(16).fill('unknown'), ...Array(4).fill('new_pool')]);
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

test('of several origins without connections, the oldest is forgotten', () => {
  const { open, close, causes } = playing();
  const identities = [agent(), agent()];
  const origins = identities.map((_, i) => ({ address: `closed${i}.test`, port: 80 }));
  for (const [i, identity] of identities.entries()) close(open(identity, origins[i]), 'server_idle_close');
  for (let i = 2; i <= MAX_ORIGINS; i++) open(agent(), { address: `h${i}.test`, port: 80 });

  expect(causes(open(identities[1] as PoolIdentity, origins[1]))).toEqual(['replaced server_idle_close']);
});

test('if all have connections, the oldest origin is forgotten', () => {
  const { open, causes } = playing();
  const identities = Array.from({ length: MAX_ORIGINS + 1 }, () => agent());
  const at = (i: number) => ({ address: `h${i}.test`, port: 80 });
  for (const [i, identity] of identities.entries()) open(identity, at(i));

  expect(causes(open(identities[1] as PoolIdentity, at(1)), open(identities[0] as PoolIdentity, at(0)))).toEqual([
    'pool_busy',
    'first',
  ]);
});
