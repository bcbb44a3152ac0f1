import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { until } from './measuring.ts';

/** For a machine that has much else to do. */
const PATIENCE = 30_000;

/** A folder that is gone with the test. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `connmeter-${name}-`));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What a started program has said so far. */
export type Said = () => string;

/** Starts a program that npm does not bring. It does not outlive the test, and fails it by ending early. */
export function launch(binary: string, args: readonly string[], cwd: string): Said {
  const child = spawn(binary, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close').catch(() => {});
  onTestFinished(async () => {
    child.kill('SIGKILL'); // nobody reads its data again
    await ended;
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(-100_000);
    });
  }
  return () => {
    if (child.exitCode !== null) throw new Error(`${binary} ended with ${child.exitCode}: ${said}`);
    return said;
  };
}

/** Starts Prometheus or Alertmanager on any free port of loopback, and waits until it says which: its URL. */
export async function startService(binary: string, args: readonly string[], cwd: string): Promise<string> {
  const said = launch(binary, ['--web.listen-address=127.0.0.1:0', ...args], cwd);
  const address = await until(
    () => /"Listening on".* address=(\S+)/.exec(said())?.[1],
    found => found !== undefined,
    PATIENCE,
  );
  return `http://${address}`;
}

/** Waits until a program answers there that it is ready. */
export async function ready(url: string, said: Said = () => ''): Promise<void> {
  await until(
    () => {
      said();
      return fetch(url).then(
        ({ status }) => status,
        () => 0,
      );
    },
    status => status === 200,
    PATIENCE,
  );
}
