import { expect, test } from 'vitest';
import { portHolder } from '../../src/register/port-holder.ts';

const FREE = 'set OTEL_EXPORTER_PROMETHEUS_PORT to a free one';

test.each([
  [
    true,
    'stranger',
    `another service that uses connmeter has the port: ${FREE}, or give both the same OTEL_SERVICE_NAME to add them up`,
  ],
  [true, 'absent', `another program has the port, or a process of another user or container: ${FREE}`],
  [true, undefined, `the port is in use: ${FREE}`],
  [
    false,
    undefined,
    `the port is in use: ${FREE}, or remove CONNMETER_SHARE=false if another process of this service has it`,
  ],
] as const)('sharing %s, and it ended as %s: %s', (isWanted, ending, line) => {
  expect(portHolder({ isWanted, ending })).toBe(line);
});
