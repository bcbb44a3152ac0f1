import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { meetingPlace } from '../../../src/register/processes/meeting-place.ts';

const HERE = { address: '127.0.0.1', port: 9464 };
let temp: string;
let folder: string;
beforeEach(() => {
  temp = mkdtempSync(join(tmpdir(), 'connmeter-meeting-'));
  folder = join(temp, `connmeter-${process.getuid?.()}`);
  vi.stubEnv('TMPDIR', temp);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(temp, { recursive: true, force: true });
});

test('one path per address and port, in a folder that only this user can enter', () => {
  const place = meetingPlace(HERE);

  expect(place).toEqual({ path: expect.stringMatching(/^.{1,99}\.sock$/) });
  expect(meetingPlace(HERE)).toEqual(place);
  expect(meetingPlace({ ...HERE, port: 9465 })).not.toEqual(place);
  expect(meetingPlace({ ...HERE, address: '0.0.0.0' })).not.toEqual(place);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
});

test.each<[string, () => void]>([
  ['others may enter', () => mkdirSync(folder, { mode: 0o755 })],
  ['it is a link', () => symlinkSync(mkdtempSync(join(temp, 'real-')), folder)],
])('a folder is not used if %s', (_why, make) => {
  make();

  expect(meetingPlace(HERE)).toEqual({ why: expect.stringContaining('must be a folder of this user with mode 0700') });
});

test('without a place for temporary files, nothing is shared', () => {
  vi.stubEnv('TMPDIR', join(temp, 'missing'));

  expect(meetingPlace(HERE)).toEqual({ why: expect.stringContaining('cannot be created') });
});

test('nor if the path would be too long for a socket', () => {
  vi.stubEnv('TMPDIR', join(temp, 'x'.repeat(80)));

  expect(meetingPlace(HERE)).toEqual({ why: expect.stringContaining('is too long') });
});
