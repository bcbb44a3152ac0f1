import { expect, test } from 'vitest';
import { headlineOf } from '../../../src/page/model/headline.ts';
import { finding, live, origin, overview } from '../fixtures.ts';

const unused = origin({
  opened: [],
  requests: { fresh: 0, reused: 0 },
  now: { active: 0, idle: 0, opening: 0, held: 0 },
});
const text = (of: Parameters<typeof overview>[0]) => headlineOf(overview(of)).text;

test.each([
  ['nothing', {}, 'connmeter has seen no connections yet'],
  ['an origin without connections', { origins: [unused] }, 'connmeter has seen no connections yet'],
  ['a connection that is not counted yet', { live: [live()] }, 'No wasted connections'],
  ['a connection', { origins: [origin()] }, 'No wasted connections'],
  ['one finding', { findings: [finding()] }, '1 server wastes connections: 41 s lost'],
  [
    'two of one server',
    { findings: [finding(), finding({ kind: 'goaway' })] },
    '1 server wastes connections: 82 s lost',
  ],
  [
    'three servers',
    { findings: ['a', 'b', 'c'].map(address => finding({ address, seconds: 14 })) },
    '3 servers waste connections: 42 s lost',
  ],
  ['no time known', { findings: [finding({ seconds: 0 })] }, '1 server wastes connections'],
  ['a failure', { findings: [finding({ kind: 'failed_dns' })] }, 'Connections to 1 server fail'],
  [
    'waste and failures',
    { findings: [finding(), finding({ address: 'b', kind: 'failed_tls', seconds: 7 })] },
    '1 server wastes connections: 41 s lost; connections to 1 server fail',
  ],
])('%s', (_what, of, expected) => {
  expect(text(of)).toBe(expected);
});

test('what is spoken does not change with the seconds', () => {
  const spoken = (seconds: number) => headlineOf(overview({ findings: [finding({ seconds })] })).spoken;

  expect(spoken(41)).toBe('1 server wastes connections');
  expect(spoken(42)).toBe(spoken(41));
});
