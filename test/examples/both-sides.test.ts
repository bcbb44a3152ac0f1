import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/** Needs `npm run build`: it uses the package by its name. */
test('the example shows what each side says of the same connections', async () => {
  const start = fileURLToPath(new URL('../../examples/both-sides/start.ts', import.meta.url));

  const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', start]);

  const rows = stdout.split('\n').map(line => line.trim().split(/ {2,}/));
  const row = (name: string) => rows.find(([first]) => first === name);
  for (const name of ['keeps connections', 'says close', 'keeps for 1 s', 'five requests']) {
    const [, sent, received, opened, accepted] = row(name) ?? [];
    expect([name, received, accepted]).toEqual([name, sent, opened]); // the others cross on the wire now and then
  }
  expect(mostly(row('says close'))).toEqual(['server_close_header', 'server_close_header']);
  expect(mostly(row('keeps for 1 s'))).toEqual(['keep_alive_hint_too_short', 'client_closed_idle']);
  expect(mostly(row('keeps, says nothing'))).toEqual(['server_idle_close', 'keep_alive_timeout']);
  expect(mostly(row('five requests'))).toEqual(['server_close_header', 'max_requests']);
  expect(mostly(row('slow'))).toEqual(['request_timeout', 'client_aborted']);
});

/** The reason that most closes had, of each side: on a busy machine, now and then another comes between. */
function mostly(row: readonly string[] = []): (string | undefined)[] {
  const parsed = row.slice(5).map(cell => cell.split(', ').map(each => each.split(' ')));
  return parsed.map(reasons => reasons.toSorted(([a], [b]) => Number(b) - Number(a))[0]?.[1]);
}
