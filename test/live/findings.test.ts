import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

// What connmeter/register prints to stderr of what it found.

const REGISTER = new URL('../../dist/register.js', import.meta.url).href;

/** A client per request, ten times. */
const WASTEFUL = `
  const http = require('node:http');
  const server = http.createServer((request, response) => response.end('hello')).listen(0, '127.0.0.1', async () => {
    const url = 'http://127.0.0.1:' + server.address().port;
    const get = () => new Promise(resolve => http.get(url, { agent: new http.Agent() }, response => response.resume().on('end', resolve)));
    for (let i = 0; i < 10; i++) await get();
    server.close();
    END
  });
`;

async function run(env: NodeJS.ProcessEnv, end = '') {
  const child = spawn(process.execPath, ['--import', REGISTER, '-e', WASTEFUL.replace('END', end)], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 25_000, // it ends by itself
    env: { ...process.env, OTEL_EXPORTER_PROMETHEUS_PORT: '0', OTEL_LOG_LEVEL: 'warn', ...env },
  });
  return text(child.stderr);
}

/** Longer than the time between two looks. */
const WAIT = 'setTimeout(() => {}, 7_000);';

test.concurrent('without a terminal: one line after a while, and nothing at the end of a short program', async () => {
  const [short, long] = await Promise.all([run({}), run({}, WAIT)]);

  expect(short).toBe('');
  expect(long).toMatch(
    /^connmeter: 9 of 10 connections to 127\.0\.0\.1:\d+ come from a client of their own, so none of them is reused\. See it with: npx connmeter top \d+\n$/,
  );
}, 30_000);

test.concurrent.each([
  ['text', /^connmeter: 9 of 10 connections .* Fix: create the client once .*#cause-new_pool\n$/],
  ['json', /^\{"connmeter":\{"kind":"new_pool",.*\}\}\n$/],
  ['none', /^$/],
])(
  'CONNMETER_LOG=%s',
  async (log, expected) => {
    expect(await run({ CONNMETER_LOG: log }, WAIT)).toMatch(expected);
  },
  30_000,
);

test.concurrent('OTEL_LOG_LEVEL=none prints no findings', async () => {
  expect(await run({ CONNMETER_LOG: 'text', OTEL_LOG_LEVEL: 'none' }, WAIT)).toBe('');
}, 30_000);

test.concurrent('CONNMETER_REPORT=exit prints the report at the end', async () => {
  const lines = (await run({ CONNMETER_REPORT: 'exit' })).split('\n');

  expect(lines[0]).toMatch(/^connmeter: 1 finding, /);
  expect(lines.join()).toContain('#cause-new_pool');
});

test
  .runIf(process.platform !== 'win32')
  .concurrent('CONNMETER_REPORT=SIGUSR2 prints it at that signal; without it, nobody listens to signals', async () => {
    const signal = `
    process.once('SIGUSR2', () => setTimeout(() => console.error('alive'), 50));
    process.kill(process.pid, 'SIGUSR2');
    setTimeout(() => {}, 1_000);
  `;

    const report = await run({ CONNMETER_REPORT: 'SIGUSR2' }, signal);
    expect(report).toMatch(/^connmeter: 1 finding, [\s\S]*alive\n$/);
    expect(await run({}, "console.error(process.listenerCount('SIGUSR2'));")).toBe('0\n');
  });

test.concurrent('a pipe that nobody reads does not block the program', async () => {
  const child = spawn(
    process.execPath,
    [
      '--import',
      REGISTER,
      '-e',
      WASTEFUL.replace(
        'END',
        "require('fs').writeSync(1, 'end'); setTimeout(() => require('fs').writeSync(1, 'later'), 7_000)",
      ),
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 25_000,
      env: { ...process.env, OTEL_EXPORTER_PROMETHEUS_PORT: '0', CONNMETER_LOG: 'text' },
    },
  );
  child.stderr.pause();

  expect(await text(child.stdout)).toBe('endlater');
}, 30_000);
