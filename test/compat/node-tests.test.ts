import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const RUN = fileURLToPath(new URL('./node-tests.ts', import.meta.url));

/** Creates a folder like the repository of Node, with these files in test/parallel. */
function nodeTests(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'connmeter-parallel-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'test', 'parallel'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'test', 'parallel', name), text);
  return folder;
}

async function compare(...args: string[]): Promise<{ code: number; said: string }> {
  return new Promise(resolve => {
    const argv = ['--disable-warning=ExperimentalWarning', RUN, '--node', process.execPath, ...args];
    const child = execFile(process.execPath, argv, { env: { ...process.env, NODE_OPTIONS: '' } }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, said: stdout + stderr }),
    );
    onTestFinished(() => void child.kill());
  });
}

test('each file runs with its flags in both variants, and a file that fails only with connmeter is listed with its output', {
  timeout: 120_000,
}, async () => {
  const heard = `require('diagnostics_channel').hasSubscribers('net.client.socket')`;
  const folder = nodeTests({
    'test-net-flags.js': `// Flags: --expose-gc --no-warnings\nif (typeof gc !== 'function') throw new Error('no gc');`,
    'test-net-fails.js': `process.exit(1);`,
    'test-net-skipped.js': `console.log('1..0 # Skipped: no reason');`,
    'test-http-alone.js': `if (${heard}) throw new Error('somebody listens');`,
    'test-http-company.mjs': `import channels from 'diagnostics_channel';
      if (!channels.hasSubscribers('net.client.socket')) process.exit(1);`,
    'test-https-preload.js': `if (process.env.NODE_OPTIONS) process.exit(1);`,
    'test-tls-slow.js': `setTimeout(() => {}, ${heard} ? 2500 : 0);`,
    'test-tls-hangs.js': `if (${heard}) setInterval(() => console.log('still here'), 500);`,
    'test-fs-other.js': `throw new Error('not asked for');`,
    'test-network.js': `throw new Error('not asked for');`,
  });

  const { code, said } = await compare('--timeout', '4', folder);

  expect(said).toContain(`| ${process.version} | 8 | 2 | 1 | 1 | 2 | 1 | 1 | 1 | 0 |`);
  expect(said).toMatch(/worse \(2\):\n {2}test-http-alone.js .*\n {2}test-tls-hangs.js /);
  expect(said).toMatch(/slower \(1\):\n {2}test-tls-slow.js /);
  expect(said).toMatch(/better \(1\):\n {2}test-http-company.mjs /);
  expect(said).toMatch(/with any --import \(1\):\n {2}test-https-preload.js /);
  expect(said).toMatch(
    /test-http-alone.js with connmeter, last lines:[\s\S]*Error: somebody listens[\s\S]*ended with 1/,
  );
  expect(said).toMatch(/test-tls-hangs.js with connmeter, last lines:\n {2}still here[\s\S]*timed out/);
  expect(code).toBe(1);
});

test('the exit code is 0 if no file is worse with connmeter', { timeout: 60_000 }, async () => {
  const folder = nodeTests({
    'test-net-connect.js': `require('net');`,
    'test-dns-a.js': `throw new Error('left out');`,
  });

  const { code, said } = await compare('--subjects', 'net', folder);

  expect(said).toContain(`| ${process.version} | 1 | 1 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |`);
  expect(code).toBe(0);
});
