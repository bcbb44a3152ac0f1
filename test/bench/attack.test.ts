import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const ATTACK = new URL('../../bench/attack.ts', import.meta.url).pathname;

test('every attacked exporter serves as many series as connmeter', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [ATTACK, '--rounds', '1', '--only', 'one scrape'], {
    env: { PATH: process.env['PATH'], NODE_OPTIONS: '--disable-warning=ExperimentalWarning' },
  });

  const [, , head = '', , row = ''] = stdout.split('\n');
  const series = Array.from(head.matchAll(/([\d,]+) series/g), ([, number = '']) => Number(number.replace(',', '')));
  expect(series).toHaveLength(3);
  for (const number of series) expect(Math.abs(number - 7_005)).toBeLessThan(150);
  expect(row).toMatch(/^\| one scrape, read( \| [\d,]+ ms, [\d,]+ MiB){3} \|$/);
}, 120_000);
