import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { until } from './until.ts';

/** Long enough for a busy machine. */
const TIMEOUT_MS = 30_000;

/** A temporary folder, deleted after the test. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `connmeter-${name}-`));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Returns the output of a started program so far. */
export type Said = () => string;

/** Starts a program that npm does not install, and kills it after the test. An early exit fails the test. */
export function startProgram(binary: string, args: readonly string[], cwd: string): Said {
  const child = spawn(binary, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close').catch(() => {});
  onTestFinished(async () => {
    child.kill('SIGKILL'); // its data is not needed any more
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

/** Starts Prometheus or Alertmanager on a free loopback port, and returns its URL. */
export async function startService(binary: string, args: readonly string[], cwd: string): Promise<string> {
  const said = startProgram(binary, ['--web.listen-address=127.0.0.1:0', ...args], cwd);
  const address = await until(
    () => /"Listening on".* address=(\S+)/.exec(said())?.[1],
    found => found !== undefined,
    TIMEOUT_MS,
  );
  return `http://${address}`;
}

/** Waits until the URL answers with status 200. */
export async function waitUntilReady(url: string, said: Said = () => ''): Promise<void> {
  await until(
    () => {
      said();
      return fetch(url).then(
        ({ status }) => status,
        () => 0,
      );
    },
    status => status === 200,
    TIMEOUT_MS,
  );
}
