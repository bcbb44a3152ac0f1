import dns from 'node:dns/promises';
import { expect, test } from 'vitest';
import { readLookups } from '../../src/metrics/read-lookups.ts';

test('all lookups in the thread pool are counted until they end, unless the process has very many sockets', async () => {
  const before = readLookups(0);
  const lookups = [dns.lookup('localhost'), dns.lookup('localhost'), dns.lookupService('127.0.0.1', 80)];

  expect(readLookups(5_000) - before).toBe(3);
  expect(readLookups(5_001)).toBe(0);

  await Promise.allSettled(lookups);

  await expect.poll(() => readLookups(0)).toBe(before); // the last one is listed until its callback has returned
});
