import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/** Needs `npm run build`, because the example imports the package by name. */
test('the example shows what each side reports about the same connections', async () => {
  const start = fileURLToPath(new URL('../../examples/both-sides/start.ts', import.meta.url));

  const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', start]);

  const rows = stdout.split('\n').map(line => line.trim().split(/ {2,}/));
  const row = (name: string) => rows.find(([first]) => first === name);
  for (const name of ['keep-alive of 65 s', 'Connection: close', 'keep-alive of 1 s', 'limit of five requests']) {
    const [, sent, received, opened, accepted] = row(name) ?? [];
    expect([name, received, accepted]).toEqual([name, sent, opened]); // with the other servers, requests may be lost
  }
  expect(topReasons(row('Connection: close'))).toEqual(['server_close_header', 'server_close_header']);
  expect(topReasons(row('keep-alive of 1 s'))).toEqual(['keep_alive_hint_too_short', 'keep_alive_hint_too_short']);
  expect(topReasons(row('keep-alive not announced'))).toEqual(['server_idle_close', 'keep_alive_timeout']);
  expect(topReasons(row('limit of five requests'))).toEqual(['server_close_header', 'max_requests']);
  expect(topReasons(row('slow'))).toEqual(['request_timeout', 'client_aborted']);
});

/** The most frequent reason of each side. On a busy machine, single closes may have another reason. */
function topReasons(row: readonly string[] = []): (string | undefined)[] {
  const parsed = row.slice(5).map(cell => cell.split(', ').map(each => each.split(' ')));
  return parsed.map(reasons => reasons.toSorted(([a], [b]) => Number(b) - Number(a))[0]?.[1]);
}
