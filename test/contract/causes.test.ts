import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http, { type RequestListener } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, type TestContext, test } from 'vitest';
import { OPEN_CAUSES } from '../../src/core/causes.ts';
import { CLOSE_REASONS, SERVER_CLOSE_REASONS } from '../../src/core/reasons.ts';
import type { Counted, RequestSchedule } from './run-snippet.ts';

const ROOT = join(import.meta.dirname, '../..');
const TEXT = readFileSync(join(ROOT, 'docs/causes.md'), 'utf8');

const ANCHORS = [
  ...OPEN_CAUSES.map(cause => `cause-${cause}`),
  ...CLOSE_REASONS.map(reason => `reason-${reason}`),
  ...SERVER_CLOSE_REASONS.map(reason => `served-${reason}`),
];

/** The metric and label that count it. */
const COUNTED: Readonly<Record<string, readonly [metric: string, label: string]>> = {
  cause: ['connmeter_connection_opened_total', 'connmeter_open_cause'],
  reason: ['connmeter_connection_closed_total', 'connmeter_close_reason'],
  served: ['connmeter_server_connection_closed_total', 'connmeter_close_reason'],
};

/** Sections by anchor, up to the next anchor. */
const SECTIONS = new Map(
  TEXT.split(/^(?=<a id=)/m).flatMap(part => {
    const [, anchor] = /^<a id="([\w-]+)"><\/a>\n/.exec(part) ?? [];
    return anchor === undefined ? [] : [[anchor, part] as const];
  }),
);

test('every cause and reason has an anchor, in the order of the code, and there are no other anchors', () => {
  expect(Array.from(TEXT.matchAll(/<a id="([^"]*)">/g), ([, anchor]) => anchor)).toEqual(ANCHORS);
});

test.each(ANCHORS)('the section #%s has its heading, meaning, symptoms, cost and fix', anchor => {
  const [, name] = anchor.split(/-(.*)/);
  const [, heading] = /<\/a>\n\n### (.*)\n/.exec(SECTIONS.get(anchor) ?? '') ?? [];

  expect(heading).toBe(`\`${name}\``);
  for (const part of ['**In the metrics.**', '**Cost.**', '**Fix.**']) expect(SECTIONS.get(anchor)).toContain(part);
});

test.each(ANCHORS)('the PromQL of #%s selects its label', anchor => {
  const [kind = '', name] = anchor.split(/-(.*)/);
  const queries = Array.from(SECTIONS.get(anchor)?.matchAll(/```promql\n([^`]*)```/g) ?? [], ([, query]) => query);
  const [metric, label] = COUNTED[kind] ?? [];

  expect(queries.join()).toContain(metric);
  expect(queries.join()).toContain(`${label}="${name}"`);
});

test('the table at the top links to existing sections', () => {
  const [table = ''] = /^\| symptom \|[\s\S]*?\n\n/m.exec(TEXT) ?? [];
  const linked = Array.from(table.matchAll(/\]\(#([\w-]+)\)/g), ([, anchor]) => anchor);

  expect(linked.length).toBeGreaterThan(10);
  expect(linked.filter(anchor => !SECTIONS.has(anchor ?? ''))).toEqual([]);
});

interface Claim extends RequestSchedule {
  readonly anchor: string;
  readonly title: string;
  readonly before: boolean;
  readonly least: number;
  readonly most: number;
  readonly code: string;
}

/** "Before, fetch: 50 requests, 10 at a time, open 20 to 30 connections." and the code below it. */
const CLAIM =
  /^(Before|After), ([^\n]+?): (\d+) requests(?:, (?:(\d+) at a time|(\d+) s apart),)? open (\d+)(?: to (\d+))? connections?\b.*\n\n```js\n([\s\S]*?)^```/gm;

const CLAIMS: Claim[] = Array.from(SECTIONS, ([anchor, text]) =>
  Array.from(text.matchAll(CLAIM), ([, when, who, requests, width, apart, least, most, code = '']) => ({
    anchor,
    title: `${anchor}, ${when?.toLowerCase()}, ${who}`,
    before: when === 'Before',
    requests: Number(requests),
    width: Number(width ?? 1),
    apart: Number(apart ?? 0),
    least: Number(least),
    most: Number(most ?? least),
    code,
  })),
).flat();

const small: RequestListener = (_request, response) => void response.end('hello');
const large: RequestListener = (_request, response) => void response.end(Buffer.alloc(200_000, '.'));
const sized: RequestListener = (_request, response) => void response.setHeader('content-length', 5).end('hello');
const slower =
  (milliseconds: number): RequestListener =>
  (_request, response) =>
    void setTimeout(() => response.end('hello'), milliseconds);

/** Servers of sections that do not use the default server. */
const SERVERS: Readonly<Record<string, () => http.Server>> = {
  'cause-body_held': () => http.createServer(large),
  'cause-pool_busy': () => http.createServer(slower(200)),
  'reason-body_cancelled': () => http.createServer(large),
  'reason-request_aborted': () => http.createServer(slower(500)),
  'reason-request_timeout': () => http.createServer(slower(2_000)),
  'reason-not_reusable_method': () => http.createServer(sized),
  'reason-pool_full': () => http.createServer(slower(200)),
};

/** Each concurrent test has its own. */
type Cleanup = TestContext['onTestFinished'];

/** A server in this process that counts the connections of the snippet. */
async function listening(anchor: string, onTestFinished: Cleanup): Promise<{ url: string; accepted: () => number }> {
  const server: Server = SERVERS[anchor]?.() ?? http.createServer(small);
  const sockets = new Set<Socket>();
  let accepted = 0;
  server.on('connection', socket => {
    accepted++;
    sockets.add(socket);
  });
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, accepted: () => accepted };
}

/** Runs a snippet: one with `get` against the section's server, one with a `server` requested by fetch. */
async function run({ anchor, code, requests, width, apart }: Claim, onTestFinished: Cleanup) {
  const { url, accepted } = await listening(anchor, onTestFinished);
  const course = JSON.stringify({ requests, width, apart });
  const serves = /^const server = /m.test(code);
  const driven = serves
    ? `let accepted = 0;
server.on('connection', () => accepted++);
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
process.on('message', () => process.send({ accepted }));
await drive(async url => (await fetch(url)).text(), \`http://127.0.0.1:\${server.address().port}/\`, ${course});`
    : `await drive(get, ${JSON.stringify(url)}, ${course});`;
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--import',
      './test/contract/run-snippet.ts',
      '--input-type=module',
      '--eval',
      `import { drive } from './test/contract/run-snippet.ts';\n${code}\n${driven}`,
    ],
    { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  let served: number | undefined;
  let counted: Counted = {};
  const done = new Promise<void>((resolve, reject) => {
    child.on('exit', code => reject(new Error(`the snippet ended by itself with ${code}`)));
    child.on('message', (message: 'done' | { accepted: number } | Counted) => {
      if (message === 'done') resolve();
      else if ('accepted' in message) served = Number(message.accepted);
      else counted = message as Counted;
    });
  });
  await done;
  return {
    /** The current counts. */
    look: () => {
      child.send('look');
      return counted;
    },
    accepted: () => (serves ? served : accepted()),
  };
}

/** Minimum share of the connections of a Before snippet that have the section's cause or reason. */
const SHARE = 0.4;

describe.concurrent('a snippet of docs/causes.md does what its claim says:', () => {
  test.for(CLAIMS)('$title', async (claim, { expect, onTestFinished }) => {
    const [kind, name] = claim.anchor.split(/-(.*)/);
    const { look, accepted } = await run(claim, onTestFinished);

    const series = `${kind === 'cause' ? 'opened' : 'closed'} ${name}`;
    const verdict = () => {
      const counts = look();
      const sumOf = (what: string) =>
        Object.entries(counts).reduce((sum, [key, count]) => sum + (key.startsWith(`${what} `) ? count : 0), 0);
      const opened = sumOf('opened');
      const seen = accepted() ?? -1;
      // A connection that the client gave up during the handshake counts only at the server.
      const agreed = seen >= opened && seen <= opened + sumOf('failed');
      const named = !claim.before || (counts[series] ?? 0) >= opened * SHARE;
      const asClaimed = agreed && named && seen >= claim.least && seen <= claim.most;
      return { verdict: asClaimed ? 'as claimed' : `accepted ${accepted()}, ${JSON.stringify(counts)}` };
    };
    await expect.poll(verdict, { timeout: 5_000 }).toEqual({ verdict: 'as claimed' });
  });
});

test('each Before snippet has an After snippet that opens fewer connections', () => {
  for (const { title, anchor, before, most } of CLAIMS) {
    if (!before) continue;
    const after = CLAIMS.filter(claim => claim.anchor === anchor && !claim.before);
    expect([title, after.some(claim => claim.most < most)]).toEqual([title, true]);
  }
});
