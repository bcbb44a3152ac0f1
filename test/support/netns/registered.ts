// Runs under `--import src/register.ts`: asks for a name, and has another process scrape it.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { report } from './measured.ts';
import { port, web } from './web.ts';

export interface RegisteredReport {
  readonly scrape: string;
}

for (let i = 0; i < 3; i++) await (await fetch(`http://one.test:${port}/`)).text();
await fetch(`http://missing.test:${port}/`).catch(() => {});
const { stdout } = await promisify(execFile)(process.execPath, [
  '--input-type=module',
  '--eval',
  "process.stdout.write(await (await fetch('http://metrics.test:9464/metrics')).text())",
]);
web.close();

report({ scrape: stdout });
