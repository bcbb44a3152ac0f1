import { expect, test } from 'vitest';
import { parseCommand } from '../../src/cli/arguments.ts';
import { failures, parseConditions } from '../../src/cli/fail-on.ts';
import { origin, overview } from '../explain/overviews.ts';

const OUTPUT = { plain: false, json: false };

test.each([
  [['app.js'], { name: 'run', program: 'app.js', arguments: [], failOn: [], ...OUTPUT }],
  [['--json', 'app.js', '--json', '-x'], { name: 'run', program: 'app.js', arguments: ['--json', '-x'], json: true }],
  [['--', 'node', '--flag', 'app.js'], { name: 'run', program: 'node', arguments: ['--flag', 'app.js'] }],
  [['--', 'top', '5'], { name: 'run', program: 'top', arguments: ['5'] }],
  [['top'], { name: 'top', target: { kind: 'here' }, once: false, ...OUTPUT }],
  [['top', '4711', '--once'], { name: 'top', target: { kind: 'process', pid: 4711 }, once: true }],
  [['--json', 'top', 'localhost:9464'], { target: { kind: 'url', host: 'localhost', port: 9464 }, json: true }],
  [['top', ':9464'], { target: { kind: 'url', host: 'localhost', port: 9464 } }],
  [['top', 'http://10.0.0.1:9464/metrics'], { target: { kind: 'url', host: '10.0.0.1', port: 9464 } }],
  [['top', '[::1]:9464'], { target: { kind: 'url', host: '[::1]', port: 9464 } }],
  [['explain', 'new_pool'], { name: 'explain', topic: 'new_pool' }],
  [
    ['--fail-on', 'reuse<0.9,held>0', 'a.js'],
    {
      failOn: [
        { quantity: 'reuse', sign: '<', limit: 0.9 },
        { quantity: 'held', sign: '>', limit: 0 },
      ],
    },
  ],
  [['--fail-on=opened>5', 'a.js'], { failOn: [{ quantity: 'opened' }], program: 'a.js' }],
  [[], { name: 'help' }],
  [['--help'], { name: 'help' }],
  [['-v'], { name: 'version' }],
] as const)('%j', (args, command) => {
  expect(parseCommand(args)).toMatchObject(command);
});

test.each([
  [['--wrong', 'a.js'], 'unknown option --wrong'],
  [['--'], 'expected a program to run'],
  [['--json'], 'expected a program to run'],
  [['top', 'nowhere'], 'top: expected host:port or a process id, got nowhere'],
  [['top', '0'], 'top: expected host:port or a process id, got 0'],
  [['top', 'a:99999'], 'top: expected host:port or a process id, got a:99999'],
  [['top', '1', '2'], 'top: expected host:port or a process id, got 1 2'],
  [['explain'], 'explain: expected one of first, new_pool'],
  [['--once', 'a.js'], '--once belongs to connmeter top'],
  [['--fail-on', 'speed>5', 'a.js'], '--fail-on: expected conditions such as reuse<0.9'],
  [['--fail-on', 'reuse=5', 'a.js'], '--fail-on: expected conditions'],
  [['--fail-on'], '--fail-on: expected conditions'],
] as const)('%j is wrong: %s', (args, why) => {
  const command = parseCommand(args);

  expect(command).toMatchObject({ name: 'wrong' });
  expect('why' in command && command.why).toContain(why);
  expect('why' in command && command.why).not.toContain('\n');
});

test('a condition fails with the value that makes it true', () => {
  const seen = overview([
    origin({
      opened: [{ cause: 'first', count: 3 }],
      requests: { fresh: 3, reused: 1 },
      now: { active: 2, idle: 0, opening: 0, held: 2 },
    }),
  ]);
  const failing = (list: string) => {
    const parsed = parseConditions(list);
    return 'conditions' in parsed ? failures(parsed.conditions, seen) : parsed.why;
  };

  expect(failing('reuse<0.9,held>0,opened>3,waiting>0,failed>0,findings>0,wasted>0')).toEqual([
    'reuse<0.9: it is 0.25',
    'held>0: it is 2',
  ]);
  expect(failing('opened>2')).toEqual(['opened>2: it is 3']);
});

test('nothing is known of the reuse of no requests', () => {
  const parsed = parseConditions('reuse<1');

  expect('conditions' in parsed && failures(parsed.conditions, overview([]))).toEqual([]);
});
