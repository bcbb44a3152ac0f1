import type { ClosedConnection, LiveConnection } from '../../src/client/snapshot.ts';
import type { Finding, OriginOverview, Overview } from '../../src/explain/overview.ts';

const WASTE: readonly Pick<Finding, 'kind' | 'what' | 'fix' | 'sites'>[] = [
  {
    kind: 'new_pool',
    what: 'The program creates a client for each request, so no connection is ever used twice.',
    fix: 'const client = new Agent() // once, when the module is loaded',
    sites: ['src/pay.ts:42', 'src/refund.ts:7'],
  },
  {
    kind: 'body_held',
    what: 'Response bodies that nobody reads hold connections, so others have to be opened.',
    fix: 'await response.arrayBuffer()',
    sites: ['src/stock.ts:118'],
  },
  {
    kind: 'server_idle_close',
    what: 'The server closes idle connections before the client does.',
    fix: 'new Agent({ keepAliveTimeout: 4_000 })',
    sites: [],
  },
  {
    kind: 'failed_connect',
    what: 'Nothing listens at this port: ECONNREFUSED.',
    fix: 'start the server, or correct the port',
    sites: [],
  },
];

export function finding(of: Partial<Finding> = {}): Finding {
  const [usual] = WASTE;
  return {
    ...(usual as Finding),
    address: 'pay.test',
    port: 443,
    count: 1204,
    of: 1300,
    seconds: 41,
    link: 'https://github.com/connmeter/connmeter/blob/main/docs/causes.md#cause-new_pool',
    ...of,
  };
}

export function origin(of: Partial<OriginOverview> = {}): OriginOverview {
  return {
    address: 'pay.test',
    port: 443,
    http: true,
    opened: [{ cause: 'first', count: 1 }],
    closed: [],
    failed: [],
    requests: { fresh: 1, reused: 99 },
    now: { active: 0, idle: 1, opening: 0, held: 0 },
    waiting: 0,
    setup: 0.034,
    wasted: 0,
    ...of,
  };
}

export function live(of: Partial<LiveConnection> = {}): LiveConnection {
  return {
    address: 'pay.test',
    port: 443,
    state: 'idle',
    age: 12.3,
    requests: 99,
    phases: { dns: 0.004, connect: 0.011, tls: 0.019 },
    mostStreams: undefined,
    cause: 'first',
    pool: 1,
    idleFor: undefined,
    heldFor: undefined,
    ...of,
  };
}

export function closed(of: Partial<ClosedConnection> = {}): ClosedConnection {
  const { state: _, mostStreams: __, heldFor: ___, idleFor: _____, cause: ____, ...common } = live();
  return { ...common, cause: 'replaced', reason: 'server_idle_close', ...of };
}

export function overview(of: Partial<Overview> = {}): Overview {
  return {
    version: 1,
    at: Date.now(),
    processes: 1,
    threads: 1,
    origins: [],
    findings: [],
    live: [],
    closed: [],
    callSites: [],
    advice: [],
    ...of,
  };
}

const HOSTS = ['pay', 'stock', 'users', 'search', 'mail', 'cdn', 'auth', 'ledger'];

/** A service with so many origins, of which some waste connections. `connections` are open, `seconds` after its start. */
export function service(origins: number, connections = origins * 3, seconds = 60): Overview {
  const names = Array.from({ length: origins }, (_, i) => ({
    address: `${HOSTS[i % HOSTS.length]}-${String(i).padStart(4, '0')}.svc.cluster.local`,
    port: i % 7 === 6 ? 5432 : 443,
  }));
  const findings = names.flatMap((name, i) =>
    i % 4 === 0
      ? [finding({ ...name, ...WASTE[(i / 4) % WASTE.length], seconds: (seconds * 8) / (i + 2), count: 20 * seconds })]
      : [],
  );
  return overview({
    processes: 3,
    threads: 8,
    origins: names.map((name, i) => {
      const wasteful = i % 4 === 0;
      const isDatabase = i % 7 === 6;
      const fresh = wasteful ? seconds * 9 + i : 4;
      return origin({
        ...name,
        http: !isDatabase,
        opened: [
          { cause: 'first', count: 1 },
          { cause: 'new_pool', count: fresh },
        ],
        failed: i % 16 === 12 ? [{ phase: 'connect', errorType: 'ECONNREFUSED', count: seconds * 2 }] : [],
        requests: isDatabase ? { fresh: 0, reused: 0 } : { fresh, reused: seconds * (i % 9) * 13 },
        now: {
          active: i % 5,
          idle: Math.max(0, Math.floor(connections / origins) - (i % 5)),
          opening: i % 11 === 0 ? 1 : 0,
          held: i % 16 === 4 ? 3 : 0,
        },
        waiting: i % 16 === 4 ? 12 : 0,
        setup: 0.002 + (i % 40) / 1000,
        wasted: wasteful ? 12 : 0,
      });
    }),
    findings: findings.toSorted((a, b) => b.seconds - a.seconds),
    live:
      names.length === 0
        ? []
        : Array.from({ length: Math.min(connections, 1000) }, (_, i) => {
            const state = (['idle', 'active', 'opening'] as const)[
              i % 13 === 0 ? 2 : i % 3 === 0 ? 1 : 0
            ] as LiveConnection['state'];
            return live({
              ...names[i % names.length],
              state,
              age: seconds - (i * seconds) / connections,
              requests: state === 'opening' ? 0 : i * 7,
              mostStreams: i % 10 === 9 ? 5 : undefined,
              phases:
                state === 'opening'
                  ? { dns: 0.004, connect: undefined, tls: undefined }
                  : { dns: 0.004, connect: 0.0004, tls: 0.031 },
              cause: i % 6 === 5 ? 'pending' : 'pool_busy',
              pool: i % 17,
              idleFor: state === 'idle' ? 1 + i / 10 : undefined,
              heldFor: i % 16 === 3 && state !== 'opening' ? 30 + i / 10 : undefined,
            });
          }),
    closed: Array.from({ length: Math.min(100, origins * 5) }, (_, i) =>
      closed({
        ...names[(i * 3) % names.length],
        age: i + 0.5,
        reason: (['server_idle_close', 'client_shutdown', 'peer_closed'] as const)[i % 3] as ClosedConnection['reason'],
      }),
    ),
    advice: names.slice(2, 3).map(name => ({
      ...name,
      kind: 'client_idle_timeout' as const,
      seconds: 5,
      observations: 40,
      code: 'new Agent({ keepAliveTimeout: 4_000 })',
    })),
  });
}
