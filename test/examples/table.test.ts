import { expect, test } from 'vitest';
import { parseExposition } from '../../examples/demo/exposition.ts';
import { intervalOf, linesOf } from '../../examples/demo/table.ts';

const A = 'server_address="a.test",server_port="80",network_protocol_name="http"';

function scrapeOf({ fresh = 0, reused = 0, refused = 0 }) {
  return parseExposition(`
connmeter_requests_total{${A},connmeter_connection_reused="false"} ${fresh}
connmeter_requests_total{${A},connmeter_connection_reused="true"} ${reused}
connmeter_connection_opened_total{${A}} ${fresh}
connmeter_connect_duration_count{${A}} ${fresh}
connmeter_connect_duration_sum{${A}} ${fresh * 0.002}
connmeter_connection_failed_total{${A},connmeter_phase="connect",error_type="ECONNREFUSED"} ${refused}
dns_lookup_duration_count{dns_question_name="a.test"} ${fresh}
dns_lookup_duration_count{dns_question_name="a.test",error_type="ENOTFOUND"} ${refused}
connmeter_connection_opened_total{server_address="db.test",server_port="5432"} 7
`);
}

const lines = (interval: ReturnType<typeof intervalOf>) =>
  linesOf(interval, new Map([['a.test:80', 'caller A']]), false);

test('an interval holds what happened between its two scrapes, per second, of HTTP origins', () => {
  const interval = intervalOf(scrapeOf({ fresh: 10, reused: 10 }), scrapeOf({ fresh: 12, reused: 16, refused: 4 }), 2);

  expect(interval).toEqual({
    rows: [
      {
        origin: 'a.test:80',
        requests: 4,
        reuse: 0.75,
        opened: 1,
        connect: expect.closeTo(0.002),
        tls: undefined,
        failures: new Map([['connect ECONNREFUSED', 2]]),
      },
    ],
    lookups: new Map([['a.test', 3]]),
  });
});

test('without an earlier scrape everything happened in this interval', () => {
  const { rows } = intervalOf([], scrapeOf({ fresh: 2, reused: 6 }), 2);

  expect(rows).toMatchObject([{ requests: 4, reuse: 0.75, opened: 1 }]);
});

test.each([
  ['healthy', { fresh: 1, reused: 9 }],
  ['wasteful', { fresh: 2, reused: 8 }],
  ['failing', { refused: 1 }],
  ['quiet', {}],
])('a caller is called %s for what it did', (verdict, counts) => {
  const [, row] = lines(intervalOf([], scrapeOf(counts), 1));

  expect(row).toMatch(new RegExp(`^caller A +a\\.test:80 .* ${verdict}\\b`));
});

test('reuse is rounded down: 100 % means every single request', () => {
  const [, row] = lines(intervalOf([], scrapeOf({ fresh: 1, reused: 999 }), 1));

  expect(row).toContain(' 99 %');
});

test('numbers stand under the end of their heading', () => {
  const [heading = '', row = ''] = lines(intervalOf([], scrapeOf({ fresh: 1, reused: 9 }), 1));

  const end = heading.indexOf('requests/s') + 'requests/s'.length;
  expect(row.slice(0, end)).toMatch(/ 10\.0$/);
});

test('colours are there only where they are wanted', () => {
  const interval = intervalOf([], scrapeOf({ fresh: 1 }), 1);

  expect(lines(interval).join()).not.toContain('\x1b');
  expect(linesOf(interval, new Map(), true)[1]).toContain('\x1b[31m');
});
