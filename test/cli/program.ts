// program.ts: runs the wasteful or the fixed variant of scenarios, all at the same time, each against a server of its own:
//   node program.ts '{"unread-body":{"kind":"wasteful","client":"fetch","port":8080,"ca":"…"}}'
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientName, run, type Scenario } from '../../examples/scenarios/scenario.ts';

interface Run {
  readonly kind: 'wasteful' | 'fixed';
  readonly client: ClientName;
  readonly port: number;
  readonly ca: string;
}

/** Fewer calls than this may be chance. */
const MORE: Readonly<Record<string, object>> = {
  'headers-timeout': { calls: 8, concurrency: 2 },
  'idle-closed-by-server': { calls: 6 },
  'max-requests-per-client': { calls: 20 },
};

const runs = Object.entries(JSON.parse(process.argv[2] ?? '{}') as Record<string, Run>);
await Promise.all(
  runs.map(async ([name, { kind, client, port, ca }]) => {
    const { scenario } = (await import(`../../examples/scenarios/${name}.ts`)) as { scenario: Scenario };
    const variant = scenario[kind];
    if (variant !== undefined) await run({ ...variant, ...MORE[name] }, client, port, ca);
  }),
);
await sleep(1_500); // a body is held only after half a second
process.exit();
