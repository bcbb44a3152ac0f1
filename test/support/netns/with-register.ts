// Runs under `--import src/register.ts`: connects to a name, and is scraped by another process.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { sendReport } from './program.ts';
import { port, web } from './web-server.ts';

export interface WithRegisterReport {
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

sendReport({ scrape: stdout });
