import { expect, test } from 'vitest';
import { parseExposition } from '../../examples/demo/exposition.ts';
import { intervalOf } from '../../examples/demo/interval.ts';
import { linesOf } from '../../examples/demo/table.ts';

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

test('an interval has the rates between two scrapes, of HTTP origins only', () => {
  const interval = intervalOf(scrapeOf({ fresh: 10, reused: 10 }), scrapeOf({ fresh: 12, reused: 16, refused: 4 }), 2);

  expect(interval).toEqual({
    rows: [
      {
        origin: 'a.test:80',
        requests: 4,
        reuse: 0.75,
        opened: 1,
        topCause: 'pool_busy',
        connect: expect.closeTo(0.002),
        tls: undefined,
        failures: new Map([['connect ECONNREFUSED', 2]]),
      },
    ],
    lookups: new Map([['a.test', 3]]),
  });
});

test('without an earlier scrape, the interval has all that happened since the start', () => {
  const { rows } = intervalOf([], scrapeOf({ fresh: 2, reused: 6 }), 2);

  expect(rows).toMatchObject([{ requests: 4, reuse: 0.75, opened: 1 }]);
});

test.each([
  ['healthy', { fresh: 1, reused: 9 }],
  ['a client per request', { fresh: 3, reused: 7, cause: 'new_pool' }],
  ['server sends Connection: close', { fresh: 3, cause: 'replaced",connmeter_close_reason="server_close_header' }],
  ['bodies left unread hold connections', { fresh: 3, held: 1 }],
  ['a future cause', { fresh: 3, cause: 'a future cause' }],
  ['1.0/s fail: connect ECONNREFUSED', { refused: 1 }],
  ['idle', {}],
])('the verdict of a caller is "%s"', (verdict, counts) => {
  const [, row] = lines(intervalOf([], scrapeOf(counts), 1));

  expect(row).toMatch(new RegExp(`^caller A +a\\.test:80 .* ${verdict}\\b`));
});

test('reuse is rounded down, so that 100 % means every request', () => {
  const [, row] = lines(intervalOf([], scrapeOf({ fresh: 1, reused: 999 }), 1));

  expect(row).toContain(' 99 %');
});

test('numbers are right-aligned with their heading', () => {
  const [heading = '', row = ''] = lines(intervalOf([], scrapeOf({ fresh: 1, reused: 9 }), 1));

  const end = heading.indexOf('requests/s') + 'requests/s'.length;
  expect(row.slice(0, end)).toMatch(/ 10\.0$/);
});

test('colours are optional', () => {
  const interval = intervalOf([], scrapeOf({ fresh: 1 }), 1);

  expect(lines(interval).join()).not.toContain('\x1b');
  expect(linesOf(interval, new Map(), [], true)[1]).toContain('\x1b[31m');
});

test('bodies that were held in the earlier scrape still count as held', () => {
  const { rows } = intervalOf(scrapeOf({ fresh: 3, held: 2 }), scrapeOf({ fresh: 6, held: 2 }), 1);

  expect(rows).toMatchObject([{ topCause: 'body_held' }]);
});

test('below the table are a link to the docs and the findings since the start', () => {
  const interval = intervalOf([], scrapeOf({ fresh: 1 }), 1);

  const without = linesOf(interval, new Map(), [], false);
  const found = linesOf(interval, new Map(), ['one', 'two'], false);

  expect(without.at(-1)).toContain('docs/causes.md');
  expect(found).toEqual([...without, '', 'Wasted connections since the start:', '  one', '  two']);
});
