// Wastes connections to the server whose port is given, and prints the call sites that connmeter reports.
// Compiled TypeScript modules are written here, with source maps.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { ConnectionInstrumentation } from '../../../../src/index.ts';
import { ManualReader } from '../../manual-reader.ts';

type Work = (url: string) => Promise<unknown>;

const reader = new ManualReader();
const instrumentation = new ConnectionInstrumentation({ callSites: process.argv[4] !== 'off' });
instrumentation.setMeterProvider(new MeterProvider({ readers: [reader] }));

const [, , port, which] = process.argv;
const url = `http://127.0.0.1:${port}/${which === 'http' || which === 'all' ? '' : 'large'}`;
const esm = (await import(new URL('./wasteful.mjs', import.meta.url).href)) as Record<string, Work>;
const cjs = createRequire(import.meta.url)('./wasteful.cjs') as Record<string, Work>;

/** The compiler output for a file `pay.ts` with a fetch in line 7, and its source map. */
async function compiled(): Promise<Work> {
  const folder = mkdtempSync(join(tmpdir(), 'connmeter-map-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const map = { version: 3, sources: ['pay.ts'], names: [], mappings: 'AAMA' };
  writeFileSync(join(folder, 'pay.js.map'), JSON.stringify(map));
  writeFileSync(join(folder, 'pay.mjs'), 'export const pay = url => fetch(url);\n//# sourceMappingURL=pay.js.map\n');
  return (await import(pathToFileURL(join(folder, 'pay.mjs')).href)).pay;
}

const work: Record<string, Work | undefined> = {
  fetch: esm['holdByFetch'],
  http: esm['holdByHttp'],
  all: esm['holdAll'],
  pool: esm['openPool'],
  cjs: cjs['openPool'],
  typescript: await compiled(),
};
const held: unknown[] = [];
for (let i = 0; i < 6; i++) {
  held.push(await work[which as string]?.(url));
  await reader.collect();
  if (which === 'pool' || which === 'cjs') continue;

  await sleep(600); // an unread body counts after half a second
  await reader.collect();
}
process.stdout.write(JSON.stringify(instrumentation.connections.snapshot()), () => process.exit());
