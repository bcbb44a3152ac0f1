import { expect, test } from 'vitest';
import { parseExposition } from '../../examples/demo/exposition.ts';
import { intervalOf, linesOf } from '../../examples/demo/table.ts';

const A = 'server_address="a.test",server_port="80",network_protocol_name="http"';

function scrapeOf({ fresh = 0, reused = 0, refused = 0, cause = 'pool_busy', held = 0 }) {
  return parseExposition(`
connmeter_requests_total{${A},connmeter_connection_reused="false"} ${fresh}
connmeter_requests_total{${A},connmeter_connection_reused="true"} ${reused}
connmeter_connection_opened_total{${A},connmeter_open_cause="first"} ${fresh > 0 ? 1 : 0}
connmeter_connection_opened_total{${A},connmeter_open_cause="${cause}"} ${Math.max(fresh - 1, 0)}
connmeter_body_held{${A}} ${held}
connmeter_connect_duration_count{${A}} ${fresh}
connmeter_connect_duration_sum{${A}} ${fresh * 0.002}
connmeter_connection_failed_total{${A},connmeter_phase="connect",error_type="ECONNREFUSED"} ${refused}
dns_lookup_duration_count{dns_question_name="a.test"} ${fresh}
dns_lookup_duration_count{dns_question_name="a.test",error_type="ENOTFOUND"} ${refused}
connmeter_connection_opened_total{server_address="db.test",server_port="5432"} 7
`);
}

const lines = (interval: ReturnType<typeof intervalOf>) =>
  linesOf(interval, new Map([['a.test:80', 'caller A']]), [], false);

test('an interval holds what happened between its two scrapes, per second, of HTTP origins', () => {
  const interval = intervalOf(scrapeOf({ fresh: 10, reused: 10 }), scrapeOf({ fresh: 12, reused: 16, refused: 4 }), 2);

  expect(interval).toEqual({
    rows: [
      {
        origin: 'a.test:80',
        requests: 4,
        reuse: 0.75,
        opened: 1,
        why: 'pool_busy',
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
  ['a new pool each time', { fresh: 3, reused: 7, cause: 'new_pool' }],
  ['server says Connection: close', { fresh: 3, cause: 'replaced",connmeter_close_reason="server_close_header' }],
  ['bodies never read hold it', { fresh: 3, held: 1 }],
  ['some word of tomorrow', { fresh: 3, cause: 'some word of tomorrow' }],
  ['1.0/s fail: connect ECONNREFUSED', { refused: 1 }],
  ['quiet', {}],
])('a caller is told "%s" for what it did', (verdict, counts) => {
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
  expect(linesOf(interval, new Map(), [], true)[1]).toContain('\x1b[31m');
});

test('what was held before stays held: it is a state, and no count', () => {
  const { rows } = intervalOf(scrapeOf({ fresh: 3, held: 2 }), scrapeOf({ fresh: 6, held: 2 }), 1);

  expect(rows).toMatchObject([{ why: 'body_held' }]);
});

test('below the table stand the page that tells more, and the findings of the whole run', () => {
  const interval = intervalOf([], scrapeOf({ fresh: 1 }), 1);

  const without = linesOf(interval, new Map(), [], false);
  const found = linesOf(interval, new Map(), ['one', 'two'], false);

  expect(without.at(-1)).toContain('docs/causes.md');
  expect(found).toEqual([...without, '', 'Since the start:', '  one', '  two']);
});
