import { parseArgs } from 'node:util';
import { inProcessOfItsOwn, ServerProcess } from './processes.ts';
import { certainOf, differences, spreadOf } from './statistics.ts';
import type { TrafficResult } from './traffic.ts';
import { VARIANTS, type VariantName } from './variants.ts';
import { WORKLOADS } from './workloads.ts';

const { values: options } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    rounds: { type: 'string' },
    variants: { type: 'string', default: '' },
  },
});
const rounds = Number(options.rounds ?? (options.full ? 10 : 3));
const server = new ServerProcess();
for (const [name, workload] of Object.entries(WORKLOADS)) {
  if (!name.startsWith(options.only)) continue;
  const all: VariantName[] = [
    'nobody',
    'again',
    'noop',
    'connmeter',
    ...(workload.otel ? [workload.otel] : []),
    'add',
    'prom',
  ];
  const variants = options.variants ? (options.variants.split(',') as VariantName[]) : all;
  const results = Object.fromEntries(variants.map(v => [v, [] as TrafficResult[]]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < variants.length; i++) {
      const variant = variants[(i + round) % variants.length] as VariantName;
      const { client, atOnce, warmUp, times } = workload;
      const place = await server.listen(workload.server);
      results[variant]?.push(await inProcessOfItsOwn('traffic', { client, atOnce, warmUp, times, variant, place }));
    }
  }
  console.log(`\n${name} per ${workload.unit}`);
  for (const variant of variants) {
    for (const part of ['warm', 'cold'] as const) {
      const own = (results[variant] as TrafficResult[]).map(r => r[part]);
      const base = (results['nobody'] as TrafficResult[]).map(r => r[part]);
      const { median, low, high } = spreadOf(own);
      const d = spreadOf(differences(own, base));
      const certain = certainOf(differences(own, base));
      const f = (n: number) => n.toFixed(1);
      console.log(
        `${VARIANTS[variant].title.padEnd(34)} ${part} ${f(median)} [${f(low)} ${f(high)}]  diff ${f(d.median)} [${f(d.low)} ${f(d.high)}] ${((100 * d.median) / spreadOf(base).median).toFixed(1)}% ${certain ? `${f(certain.from)}..${f(certain.to)}` : ''} gc ${results[variant]?.map(r => r.minor)}`,
      );
    }
  }
}
server.stop();
