import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Pools } from '../../../src/client/attribution/pools.ts';
import { Connection } from '../../../src/client/connection.ts';
import { ConnectionStates } from '../../../src/client/connection-states.ts';
import { guardWith } from '../../../src/core/guard.ts';
import type { Origin } from '../../../src/core/origins.ts';
import type { CloseReason } from '../../../src/core/reasons.ts';
import { ReplaySocket } from '../../support/replay.ts';

const HERE: Origin = { address: 'a.test', port: 80 };
const MOST_CREDITS = 256;
const MAX_ORIGINS = 5_000;

/** How a client identifies a pool: node:http by its agent, undici by a function per pool (6) or per connection (7, 8). */
const agent = () => ({});
const connector = () => () => {};

/** Connections that a test opens and closes; an open connection is busy until the test makes it idle. */
function process() {
  const nextLoop: (() => void)[] = [];
  const newPools: Origin[] = [];
  const causes: string[] = [];
  const reasons = new Map<Connection, CloseReason>();
  let now = 0;
  const states = new ConnectionStates(
    guardWith((_where, error) => expect.unreachable(String(error))),
    () => now,
  );
  const pools = new Pools({
    onNewPool: origin => void newPools.push(origin),
    inNextLoop: run => void nextLoop.push(run),
    states: { ...states, reasonOf: (connection: Connection) => reasons.get(connection) ?? 'unknown' },
    now: () => now,
  });

  function attempt(pool?: object, origin = HERE): Connection {
    const connection = new Connection(new ReplaySocket() as never, 0);
    connection.http = pool !== undefined;
    pools.assign(connection, origin, pool);
    return connection;
  }
  function open(pool?: object, origin = HERE): Connection {
    const connection = attempt(pool, origin);
    connection.opened = 1;
    connection.requests = connection.requestsInProgress = connection.http ? 1 : 0;
    const { cause, replacedReason } = connection;
    causes.push(cause === 'replaced' ? `replaced ${replacedReason}` : cause);
    return connection;
  }
  return {
    newPools,
    attempt,
    open,
    /** Opens a connection that is never used. */
    openSpare(pool: object): Connection {
      const connection = open(pool);
      connection.requests = connection.requestsInProgress = 0;
      return connection;
    },
    idle(...connections: Connection[]): void {
      for (const connection of connections) connection.requestsInProgress = 0;
    },
    hold(connection: Connection): void {
      Object.assign(connection.socket ?? {}, { paused: true, readableLength: 1, bytesRead: 1 });
    },
    close(connection: Connection, reason: CloseReason): void {
      connection.pool?.remove(connection, reason);
    },
    fail(connection: Connection): void {
      connection.pool?.remove(connection, undefined);
    },
    /** Destroys a connection without emitting `close` yet. */
    destroy(connection: Connection, reason: CloseReason): void {
      reasons.set(connection, reason);
      Object.assign(connection.socket ?? {}, { destroyed: true });
    },
    /** Lets as many iterations of the event loop pass as undici needs, and then time. `blocked`: time before them. */
    comeRound(seconds = 0.02, blocked = 0): void {
      now += blocked;
      for (let loop = 0; loop < 3; loop++) for (const run of nextLoop.splice(0)) run();
      now += seconds;
    },
    /** The cause of each connection, in order, with the close reason of the replaced connection. */
    causes: () => causes,
  };
}

describe.each([
  ['an agent of node:http', agent()],
  ["undici's connector", connector()],
  ['no pool', undefined],
])('%s', (_name, pool) => {
  test('each close is one loss, and each replacement takes the oldest loss', () => {
    const { open, close, causes } = process();

    const [first, second, third] = [open(pool), open(pool), open(pool)];
    close(second, 'server_closed_active');
    close(first, 'body_cancelled');
    close(third, 'server_idle_close');
    for (let i = 0; i < 3; i++) open(pool);

    expect(causes()).toEqual([
      'first',
      'pool_busy',
      'pool_busy',
      'replaced server_closed_active',
      'replaced body_cancelled',
      'replaced server_idle_close',
    ]);
  });

  test('an idle connection that is closing is a loss, and not idle', () => {
    const { open, idle, destroy, causes } = process();

    const [first] = [open(pool), open(pool)];
    if (first === undefined) expect.unreachable();
    idle(first);
    destroy(first, 'client_idle_timeout');
    open(pool);

    expect(causes()).toEqual(['first', 'pool_busy', 'replaced client_idle_timeout']);
  });

  test('the cause is growth once all losses are replaced', () => {
    const { open, close, causes } = process();

    const [, second] = [open(pool), open(pool)];
    close(second, 'max_requests');
    for (let i = 0; i < 3; i++) open(pool);

    expect(causes().slice(2)).toEqual(['replaced max_requests', 'pool_busy', 'pool_busy']);
  });

  test('a failed attempt returns its loss to the next attempt', () => {
    const { open, attempt, close, fail, causes } = process();

    const [first, second] = [open(pool), open(pool)];
    close(first, 'body_cancelled');
    close(second, 'server_idle_close');
    fail(attempt(pool));
    open(pool);
    open(pool);

    expect(causes().slice(2)).toEqual(['replaced body_cancelled', 'replaced server_idle_close']);
  });

  test('the next attempt is the first connection if the first attempt fails', () => {
    const { open, attempt, fail, causes } = process();

    fail(attempt(pool));
    fail(attempt(pool));
    open(pool);
    open(pool);

    expect(causes()).toEqual(['first', 'pool_busy']);
  });

  test('a connection is lost only once, whatever events follow', () => {
    const { open, close, fail, causes } = process();

    const only = open(pool);
    close(only, 'error');
    close(only, 'error');
    fail(only);
    open(pool);
    open(pool);

    expect(causes()).toEqual(['first', 'replaced error', 'pool_busy']);
  });

  test('only the newest losses are remembered', () => {
    const { open, close, causes } = process();
    const many = Array.from({ length: MOST_CREDITS + 10 }, () => open(pool));
    const busy = open(pool);

    for (const [index, each] of many.entries()) close(each, index < 10 ? 'error' : 'goaway');
    const before = causes().length;
    for (const _ of many) open(pool);
    const later = causes().slice(before);

    expect(later.filter(cause => cause === 'replaced goaway')).toHaveLength(MOST_CREDITS);
    expect(later.filter(cause => cause === 'pool_busy')).toHaveLength(10);
    expect(busy.cause).toBe('pool_busy');
  });

  test('another origin has its own firsts and losses', () => {
    const { open, close, causes } = process();
    const there = { address: 'a.test', port: 443 };

    close(open(pool), 'error');
    open(pool, there);
    open(pool, there);
    open(pool);

    expect(causes()).toEqual(['first', 'first', 'pool_busy', 'replaced error']);
  });
});

describe.each([
  ['an agent of node:http', agent()],
  ["undici's connector", connector()],
])('%s', (_name, pool) => {
  test('growth while an unread body holds a connection is attributed to it', () => {
    const { open, hold, causes } = process();

    hold(open(pool));
    open(pool);

    expect(causes()).toEqual(['first', 'body_held']);
  });

  test('a connecting connection is busy, not idle', () => {
    const { open, attempt, causes } = process();

    attempt(pool);
    open(pool);

    expect(causes()).toEqual(['pool_busy']);
  });

  test('a closing connection counts as lost, and only once', () => {
    const { open, close, destroy, causes } = process();

    const first = open(pool);
    destroy(first, 'body_cancelled');
    open(pool);
    close(first, 'error');
    open(pool);

    expect(causes()).toEqual(['first', 'replaced body_cancelled', 'pool_busy']);
  });
});

test.each([
  ['an agent of node:http', agent()],
  ['no pool', undefined],
])('%s: one that made a loss good, and is closed before it is used, leaves its own reason', (_name, pool) => {
  const { open, close, causes } = process();

  close(open(pool), 'error');
  const second = open(pool);
  second.requests = 0;
  close(second, 'client_shutdown');
  open(pool);

  expect(causes()).toEqual(['first', 'replaced error', 'replaced client_shutdown']);
});

describe('agents of node:http', () => {
  test('each new agent is a new pool, although others lost or keep connections', () => {
    const { open, close, idle, newPools, causes } = process();
    const [one, two, three] = [agent(), agent(), agent()];

    close(open(one), 'server_idle_close');
    idle(open(two));
    open(three);
    open(two);
    open(one);

    expect(causes()).toEqual(['first', 'new_pool', 'new_pool', 'pool_busy', 'replaced server_idle_close']);
    expect(newPools).toEqual([HERE, HERE]);
  });

  test('an agent whose first attempt fails is still new at the next attempt', () => {
    const { open, attempt, fail, causes } = process();
    const [one, two] = [agent(), agent()];

    open(one);
    fail(attempt(two));
    open(two);
    open(two);

    expect(causes()).toEqual(['first', 'new_pool', 'pool_busy']);
  });

  test('a destroyed agent has lost its connections like any other', () => {
    const { open, close, causes } = process();
    const one = agent();

    close(open(one), 'client_shutdown');
    open(one);

    expect(causes()).toEqual(['first', 'replaced client_shutdown']);
  });
});

describe('connectors of undici', () => {
  test('opening a connection while another one is idle is the release race, whatever else applies', () => {
    const { open, close, idle, hold, causes } = process();
    const [first, second, third] = [open(connector()), open(connector()), open(connector())];

    close(first, 'error');
    hold(second);
    idle(third);
    open(connector());

    expect(causes().at(-1)).toBe('release_race');
  });

  test('a connection that gets GOAWAY is not idle', () => {
    const { open, idle, causes } = process();
    const first = open(connector());

    idle(first);
    first.receivedGoaway = true;
    open(connector());

    expect(causes().at(-1)).not.toBe('release_race');
  });

  test('an Agent is one pool although each of its connections has its own connector', () => {
    const { open, close, newPools, causes } = process();

    const [, second] = [open(connector()), open(connector()), open(connector())];
    close(second, 'server_closed_active');
    open(connector());
    open(connector());

    expect(causes().slice(1)).toEqual(['pool_busy', 'pool_busy', 'replaced server_closed_active', 'pool_busy']);
    expect(newPools).toEqual([]);
  });

  test.each<CloseReason>(['client_idle_timeout', 'server_close_header', 'not_reusable_method'])(
    'the Agent drops its pool with the last connection, and the next pool takes its place: %s',
    reason => {
      const { open, close, causes } = process();

      for (let i = 0; i < 3; i++) close(open(connector()), reason);

      expect(causes()).toEqual(['first', `replaced ${reason}`, `replaced ${reason}`]);
    },
  );

  test('a client per request that is never closed is detected from the third client on', () => {
    const { open, idle, comeRound, causes } = process();

    for (let i = 0; i < 5; i++) {
      idle(open(connector()));
      comeRound();
    }

    expect(causes()).toEqual(['first', 'release_race', 'new_pool', 'new_pool', 'new_pool']);
  });

  test('a client per request is detected while another connection is always busy', () => {
    const { open, idle, comeRound, newPools, causes } = process();

    open(connector());
    for (let i = 0; i < 4; i++) {
      idle(open(connector()));
      comeRound();
    }

    expect(causes()).toEqual(['first', 'pool_busy', 'release_race', 'new_pool', 'new_pool']);
    expect(newPools).toHaveLength(2);
  });

  test('a client per request that the program closes is a new pool each time, and leaves no loss', () => {
    const { open, close, causes } = process();

    for (let i = 0; i < 3; i++) close(open(connector()), 'client_shutdown');
    const shared = connector();
    open(shared);
    open(shared);

    expect(causes()).toEqual(['first', 'new_pool', 'new_pool', 'new_pool', 'pool_busy']);
  });

  test('a client per request is detected again after another loss', () => {
    const { open, close, causes } = process();

    close(open(connector()), 'client_shutdown');
    close(open(connector()), 'server_idle_close');
    for (let i = 0; i < 4; i++) close(open(connector()), 'client_shutdown');

    expect(causes()).toEqual([
      'first',
      'new_pool',
      'replaced server_idle_close',
      'replaced client_shutdown',
      'new_pool',
      'new_pool',
    ]);
  });

  test('a client that served several requests before its close is not a client per request', () => {
    const { open, close, causes } = process();

    const first = open(connector());
    first.requests = 2;
    close(first, 'client_shutdown');
    open(connector());

    expect(causes()).toEqual(['first', 'replaced client_shutdown']);
  });

  test('a known connector never belongs to a new pool', () => {
    const { open, idle, comeRound, causes } = process();
    const shared = connector();

    for (let i = 0; i < 3; i++) {
      idle(open(shared));
      comeRound();
    }

    expect(causes()).toEqual(['first', 'release_race', 'release_race']);
  });

  test('a known connector does not belong to a new pool, although a connection has been idle for long', () => {
    const { open, idle, comeRound, causes } = process();
    const shared = connector();

    idle(open(shared));
    open(shared);
    comeRound();
    open(shared);

    expect(causes()).toEqual(['first', 'release_race', 'release_race']);
  });

  test('an event loop that is blocked before undici has the connection back is no sign of a new pool', () => {
    const { open, idle, comeRound, causes } = process();

    for (let i = 0; i < 3; i++) {
      idle(open(connector()));
      comeRound(0.001, 0.1);
    }

    expect(causes()).toEqual(['first', 'release_race', 'release_race']);
  });

  test('a connection that has just become idle is no sign of a new pool', () => {
    const { open, idle, comeRound, causes } = process();

    for (let i = 0; i < 3; i++) {
      idle(open(connector()));
      comeRound(0.019);
    }

    expect(causes()).toEqual(['first', 'release_race', 'release_race']);
  });

  test('a new connection replaces a lost one although another one is idle, because undici fills empty slots first', () => {
    const { open, close, idle, comeRound, causes } = process();
    const shared = connector();

    const lost = open(shared);
    idle(open(connector()));
    open(shared);
    comeRound();
    close(lost, 'server_closed_active');
    open(shared);

    expect(causes()).toEqual(['first', 'pool_busy', 'release_race', 'replaced server_closed_active']);
  });

  test('a connection that was reused and has just become idle does not count as idle for long', () => {
    const { open, idle, comeRound, causes } = process();

    const first = open(connector());
    idle(first);
    const second = open(connector());
    Object.assign(first, { streams: 1, requests: 2 });
    comeRound();
    idle(first, second);
    open(connector());

    expect(causes()).toEqual(['first', 'release_race', 'release_race']);
  });

  test('an unused replacement passes its loss on to the next connection', () => {
    const { open, openSpare, close, causes } = process();

    close(open(connector()), 'body_cancelled');
    openSpare(connector());
    open(connector());
    open(connector());

    expect(causes()).toEqual(['first', 'replaced body_cancelled', 'replaced body_cancelled', 'pool_busy']);
  });

  test('an unused replacement that closes leaves the loss it replaced, and not its own', () => {
    const { open, openSpare, close, causes } = process();

    close(open(connector()), 'request_aborted');
    close(openSpare(connector()), 'client_shutdown');
    open(connector());

    expect(causes()).toEqual(['first', 'replaced request_aborted', 'replaced request_aborted']);
  });
});

test('sockets without a pool are never idle and never a new pool', () => {
  const { open, close, newPools, causes } = process();

  const first = open();
  open();
  close(first, 'client_shutdown');
  open();
  open();

  expect(causes()).toEqual(['first', 'pool_busy', 'replaced client_shutdown', 'pool_busy']);
  expect(newPools).toEqual([]);
});

test('plain sockets, agents and undici do not replace the losses of each other', () => {
  const { open, close, causes } = process();

  close(open(), 'error');
  open(agent());
  open(connector());
  open();

  expect(causes()).toEqual(['first', 'new_pool', 'new_pool', 'replaced error']);
});

test('beyond the limit of origins, the oldest one without connections is forgotten', () => {
  const { open, close, causes } = process();
  const at = (port: number) => ({ address: 'a.test', port });

  open(undefined, at(0));
  for (let port = 1; port <= MAX_ORIGINS; port++) close(open(undefined, at(port)), 'client_shutdown');
  const before = causes().length;
  open(undefined, at(0));
  open(undefined, at(2));
  open(undefined, at(1));

  expect(causes().slice(before)).toEqual(['pool_busy', 'replaced client_shutdown', 'first']);
});

test('if all origins have connections, the oldest one is forgotten', () => {
  const { open, close, causes } = process();
  const at = (port: number) => ({ address: 'a.test', port });

  const oldest = open(undefined, at(0));
  for (let port = 1; port <= MAX_ORIGINS; port++) open(undefined, at(port));
  close(oldest, 'error');
  open(undefined, at(2));
  open(undefined, at(0));

  expect(causes().slice(-2)).toEqual(['pool_busy', 'first']);
});

test('only the first hundred connections of a pool are examined', () => {
  const { open, idle, causes } = process();
  const pool = connector();

  const many = Array.from({ length: 101 }, () => open(pool));
  idle(many[100] as Connection);
  open(pool);
  idle(many[99] as Connection);
  open(pool);

  expect(causes().slice(-2)).toEqual(['pool_busy', 'release_race']);
});

test('with any sequence of events, no loss is replaced twice, and none is forgotten while connections open', () => {
  const step = fc.record({
    what: fc.constantFrom('open', 'fail', 'close', 'idle', 'busy'),
    which: fc.nat(7),
    reason: fc.constantFrom<CloseReason>('error', 'goaway', 'pool_full', 'server_idle_close'),
  });

  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.boolean(), (steps, pooled) => {
      const { open, attempt, close, fail, idle } = process();
      const pool = pooled ? agent() : undefined;
      const live: Connection[] = [];
      const lost: CloseReason[] = [];

      for (const { what, which, reason } of steps) {
        const one = live[which];
        if (what === 'open') {
          const canBe = lost.length > 0;
          const opened = open(pool);
          expect([opened.cause === 'replaced', opened.replacedReason]).toEqual([
            canBe,
            canBe ? lost.shift() : undefined,
          ]);
          live.push(opened);
        } else if (what === 'fail') {
          fail(attempt(pool));
        } else if (one !== undefined && what === 'close') {
          live.splice(which, 1);
          lost.push(reason);
          close(one, reason);
        } else if (one !== undefined && what === 'idle') {
          idle(one);
        } else if (one !== undefined) {
          one.requestsInProgress = 1;
        }
      }
    }),
    { numRuns: 1_000 },
  );
});
