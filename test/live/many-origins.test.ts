import { expect, test } from 'vitest';
import { programPath, REGISTER, start } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { httpRequest } from '../support/http-request.ts';
import { until } from '../support/until.ts';

const ORIGINS = 1_000;

test.each([
  ['full', 80],
  ['basic', 25],
])(
  'connmeter/register counts 1,000 origins, each by itself, in %s detail',
  async (detail, most) => {
    const port = await freePort();
    const env = {
      OTEL_EXPORTER_PROMETHEUS_PORT: `${port}`,
      CONNMETER_MAX_ORIGINS: `${ORIGINS}`,
      CONNMETER_DETAIL: detail,
    };
    const child = start(programPath('many-origins.ts'), { args: [ORIGINS], node: ['--import', REGISTER.href], env });
    await until(
      () => child.said.stdout,
      text => text.includes('port'),
      45_000, // a thousand connections on a busy machine
    );

    const { body } = await httpRequest(`http://127.0.0.1:${port}/metrics`);

    const samples = Array.from(
      body.matchAll(/^(\w+)\{server_address="(127\.1\.\d+\.\d+)",.*\} (\S+)$/gm),
      ([, name = '', address = '', value = '']) => ({ name, address, value: Number(value) }),
    );
    const byAddress = new Map<string, typeof samples>();
    for (const each of samples) byAddress.set(each.address, [...(byAddress.get(each.address) ?? []), each]);
    const sums = [...byAddress.values()].map(series => {
      const sum = (metric: string) => series.reduce((all, { name, value }) => all + (name === metric ? value : 0), 0);
      return [
        sum('connmeter_connection_opened_total'),
        sum('connmeter_requests_total'),
        sum('connmeter_connection_closed_total'),
      ];
    });
    expect(sums).toEqual(Array.from({ length: ORIGINS }, () => [1, 1, 1]));
    expect(body).not.toContain('server_address="_OTHER"');
    expect(Math.max(...Array.from(byAddress.values(), series => series.length))).toBeLessThanOrEqual(most);
    child.writeLine('enough');
    expect(await child.outcome).toMatchObject({ code: 0, stderr: '' });
  },
  60_000,
);
