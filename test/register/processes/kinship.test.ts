import { expect, test } from 'vitest';
import { areKin, type Identity, identify } from '../../../src/register/processes/kinship.ts';

const PM2 = '/usr/lib/node_modules/pm2/lib/ProcessContainer.js';

interface Given {
  readonly env?: Record<string, string>;
  readonly script?: string;
  readonly packageName?: string;
  readonly pid?: number;
  readonly parent?: number;
  readonly hasChannel?: boolean;
}

const one = ({ env = {}, script = '/app/main.js', packageName = 'app', ...given }: Given = {}): Identity =>
  identify({ env, script, packageName, pid: 10, parent: 1, hasChannel: false, ...given });

test.each<[string, Given, Given, boolean]>([
  ['the same script of the same package', {}, { pid: 11 }, true],
  ['another script', {}, { pid: 11, script: '/app/cron.js' }, false],
  ['the same script of another package', {}, { pid: 11, packageName: 'other' }, false],
  ['a script that the other one forked', {}, { pid: 11, script: '/app/w.js', parent: 10, hasChannel: true }, true],
  ['a script that the other one started without a channel', {}, { pid: 11, script: '/app/w.js', parent: 10 }, false],
  [
    'two scripts that the same process forked',
    { script: '/app/v.js', parent: 9, hasChannel: true },
    { pid: 11, script: '/app/w.js', parent: 9, hasChannel: true },
    true,
  ],
  [
    'two programs of pm2, which forks them all',
    { script: PM2, env: { pm_exec_path: '/app/main.js' }, parent: 9, hasChannel: true },
    { script: PM2, env: { pm_exec_path: '/app/cron.js' }, parent: 9, hasChannel: true, pid: 11 },
    false,
  ],
  [
    'two workers of one program of pm2',
    { script: PM2, env: { pm_exec_path: '/app/main.js' }, parent: 9, hasChannel: true },
    { script: PM2, env: { pm_exec_path: '/app/main.js' }, parent: 9, hasChannel: true, pid: 11 },
    true,
  ],
  [
    'the daemon of pm2 and its program',
    { script: '/usr/lib/node_modules/pm2/lib/Daemon.js' },
    { script: PM2, env: { pm_exec_path: '/app/main.js' }, pid: 11, parent: 10, hasChannel: true },
    false,
  ],
  [
    'the same service name',
    { env: { OTEL_SERVICE_NAME: 'pay' } },
    { pid: 11, script: '/x.js', env: { OTEL_SERVICE_NAME: ' pay ' } },
    true,
  ],
  [
    'another service name',
    { env: { OTEL_SERVICE_NAME: 'pay' } },
    { pid: 11, env: { OTEL_SERVICE_NAME: 'mail' } },
    false,
  ],
  [
    'the same service name in both variables',
    { env: { OTEL_SERVICE_NAME: 'pay' } },
    { pid: 11, script: '/x.js', env: { OTEL_RESOURCE_ATTRIBUTES: 'a=b, service.name=pay,c=d' } },
    true,
  ],
  [
    'another service name, though one forked the other',
    { env: { OTEL_SERVICE_NAME: 'pay' } },
    { pid: 11, env: { OTEL_SERVICE_NAME: 'mail' }, parent: 10, hasChannel: true },
    false,
  ],
])('%s', (_what, first, second, kin) => {
  expect(areKin(one(first), one(second))).toBe(kin);
  expect(areKin(one(second), one(first))).toBe(kin);
});

test('two programs without a script are two services', () => {
  const program = (pid: number) =>
    identify({ env: {}, script: undefined, packageName: undefined, pid, parent: 1, hasChannel: false });

  expect(areKin(program(10), program(11))).toBe(false);
});
