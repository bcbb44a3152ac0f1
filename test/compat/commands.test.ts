import { expect, test } from 'vitest';
import { withReporter } from './commands.ts';
import { parseOptions } from './options.ts';
import { environmentOf, type Paths } from './variants.ts';

test.each([
  // command, command with a reporter
  ['mocha test', {}, 'mocha test --reporter spec'],
  ['npx c8 mocha test', {}, 'npx c8 mocha test --reporter spec'],
  ['nyc --reporter=lcov mocha', {}, 'nyc --reporter=lcov mocha --reporter spec'],
  ['node node_modules/jest/bin/jest.js a', {}, 'node node_modules/jest/bin/jest.js a --json --outputFile=FILE'],
  ['npm test', { test: 'lint && mocha' }, 'npm test -- --reporter spec'],
  ['npm run unit', { unit: 'cross-env A=1 ava' }, 'npm run unit -- --tap --no-worker-threads'],
  ['npm run unit -- x', { unit: 'mocha' }, 'npm run unit -- x --reporter spec'],
  ['npm test', { test: 'npm run unit', unit: 'tap' }, 'npm test -- -- --reporter=tap'],
  ['npx vitest run', {}, 'npx vitest run --reporter=default --reporter=json --outputFile=FILE'],
  // no reporter to add, or no place to add it
  ['node --test', {}, 'node --test'],
  ['c8 --100 node --test', {}, 'c8 --100 node --test'],
  ['npm test', { test: 'mocha && tsd' }, 'npm test'],
  ['npm test', { test: 'mocha | tee log' }, 'npm test'],
  ['npm test', { test: 'npm test' }, 'npm test'],
  ['npm test', {}, 'npm test'],
  ['make check', {}, 'make check'],
])('%s, with the scripts %j, runs as %s', (line, scripts, expected) => {
  expect(withReporter(line.split(' '), scripts, 'FILE').words.join(' ')).toBe(expected);
});

test('one word with spaces is a shell command', () => {
  expect(withReporter(['A=1 mocha test/*.js'], {}, 'FILE').words).toEqual(['A=1 mocha test/*.js --reporter spec']);
});

const place: Paths = {
  register: '/p/dist/register.js',
  watcher: '/p/watcher.mjs',
  log: '/n/log',
  nodeFolder: '/node/bin',
  folder: '/suite',
  project: '/p',
};

test('the variants differ only in their imports', () => {
  const inherited = {
    PATH: '/p/node_modules/.bin:/usr/bin',
    NODE_OPTIONS: '--no-warnings',
    npm_config_x: '1',
    HOME: '/h',
  };

  const plain = environmentOf('plain', place, inherited, 'm');
  const measured = environmentOf('measured', place, inherited, 'm');

  expect(plain).toMatchObject({ NODE_OPTIONS: '--no-warnings', HOME: '/h' });
  expect(plain['PATH']).toBe('/suite/node_modules/.bin:/node/bin:/usr/bin');
  expect(plain).not.toHaveProperty('npm_config_x');
  expect(measured).toEqual({ ...plain, NODE_OPTIONS: '--no-warnings --import=file:///p/dist/register.js' });
});

test('options come before the folder, and the command after it', () => {
  expect(parseOptions(['--timeout', '5', 'suite', 'mocha', '--timeout', '9'])).toMatchObject({
    folder: 'suite',
    words: ['mocha', '--timeout', '9'],
    timeout: 5,
    watch: true,
  });
  expect(parseOptions(['suite'])).toBeUndefined();
  expect(parseOptions(['--rounds', '0', 'suite', 'mocha'])).toBeUndefined();
});
