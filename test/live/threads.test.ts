import { expect, test } from 'vitest';
import { type Program, programPath, REGISTER, start } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { httpRequest, httpRequestUntilAnswered } from '../support/http-request.ts';
import { server } from '../support/server.ts';
import { until } from '../support/until.ts';

/** A program that starts threads, with the server that they request and the metrics of all of them. */
async function threads(env: Readonly<Record<string, string>> = {}, kind: 'http' | 'tcp' = 'http') {
  const asked = await server({ kind, keepAliveTimeout: 120_000 });
  const port = await freePort();
  const child = start(programPath('threads-on-command.ts'), {
    args: [`http://127.0.0.1:${asked.port}/`],
    node: ['--import', REGISTER.href],
    env: {
      OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1',
      OTEL_EXPORTER_PROMETHEUS_PORT: `${port}`,
      CONNMETER_LOG: 'none',
      ...env,
    },
  });
  const read = async () =>
    countsIn((await httpRequestUntilAnswered(`http://127.0.0.1:${port}/metrics`)).body, asked.port);
  /** What the server itself has counted. */
  const truth = async () => {
    const { accepts, requests } = await asked.seen();
    return { opened: accepts, requests };
  };
  return { asked, child, port, read, truth };
}

async function run(child: Program, line: string): Promise<void> {
  child.writeLine(line);
  await child.printed(`done ${line}\n`);
}

async function end(child: Program): Promise<void> {
  child.writeLine('end');
  expect(await child.outcome).toMatchObject({ code: 0, stderr: '' });
}

interface Counts {
  readonly opened: number;
  readonly requests: number;
}

function countsIn(text: string, port: number): Counts {
  const sum = (name: string) =>
    Array.from(text.matchAll(new RegExp(`^${name}\\{.*server_port="${port}".*\\} (\\S+)$`, 'gm')))
      .map(([, value]) => Number(value))
      .reduce((a, b) => a + b, 0);
  return { opened: sum('connmeter_connection_opened_total'), requests: sum('connmeter_requests_total') };
}

function gauge(text: string, name: string): number {
  const values = text.matchAll(new RegExp(`^${name}\\{.*\\} (\\S+)$`, 'gm'));
  return Array.from(values, ([, value]) => Number(value)).reduce((a, b) => a + b, 0);
}

test.each(['closing', 'kept'])(
  'a thread that is blocked right after its last response shows all numbers: %s',
  async what => {
    const { child, port, read, truth } = await threads();
    await run(child, `5 ${what} block`);

    expect(await read()).toEqual(await truth());
    const took: number[] = [];
    for (let i = 0; i < 5; i++) {
      const began = performance.now();
      await httpRequest(`http://127.0.0.1:${port}/metrics`);
      took.push(performance.now() - began);
    }
    expect(Math.min(...took)).toBeLessThan(300);
    expect(await read()).toEqual(await truth());
    await end(child);
  },
);

test.each(['terminate', 'exit', 'throw', 'nest'])(
  'nothing is lost of a thread that ends right after its last response: %s',
  async after => {
    const { child, read, truth } = await threads();
    await run(child, '2 kept');
    await run(child, `5 closing ${after}`);
    await run(child, `3 kept ${after}`);

    expect(await read()).toEqual(await truth());
    expect(await read()).toEqual(await truth());
    await end(child);
  },
);

test('connections without requests are not lost either', async () => {
  const { child, read, truth } = await threads({}, 'tcp');
  await run(child, '4 bare terminate');
  await run(child, '3 bare block');

  expect(await read()).toEqual(await truth());
  await end(child);
});

test('gauges of a thread that has ended leave at once, and connmeter.threads counts those that live', async () => {
  const { child, port, read } = await threads();
  const scrape = async () => (await httpRequest(`http://127.0.0.1:${port}/metrics`)).body;
  await run(child, '1 kept');
  await run(child, '2 kept block');
  await read();
  const before = await scrape();
  await run(child, '3 kept terminate');
  const after = await scrape();

  expect(gauge(before, 'connmeter_threads')).toBe(3);
  expect(gauge(before, 'connmeter_processes')).toBe(1);
  expect(gauge(before, 'http_client_open_connections')).toBe(1); // that of the other one is not known: it is blocked
  expect(gauge(after, 'connmeter_threads')).toBe(3);
  expect(gauge(after, 'http_client_open_connections')).toBe(1);
  await end(child);
});

test('four threads at a time end in all ways during scrapes: no counter falls, and nothing is missing at the end', async () => {
  const { child, port, read, truth } = await threads();
  await run(child, '1 kept');
  await read();
  let isOver = false;
  let last: Counts = { opened: 0, requests: 0 };
  const fallen: [Counts, Counts][] = [];
  const scraping = (async () => {
    while (!isOver) {
      const now = await read();
      if (now.opened < last.opened || now.requests < last.requests) fallen.push([last, now]);
      last = now;
      await new Promise(resolve => setTimeout(resolve, 20));
    }
  })();
  const ways = ['terminate', 'exit', 'throw', 'nest'];
  try {
    for (let round = 0; round < 2; round++) {
      await Promise.all(
        ways.map(async (after, index) => {
          await run(child, `${10 * round + index + 1} closing ${after}`);
          await run(child, `${10 * round + index + 1} kept ${ways.at(index - 1)}`);
        }),
      );
    }
  } finally {
    isOver = true;
    await scraping;
  }

  expect(fallen).toEqual([]);
  expect(await read()).toEqual(await truth());
  expect(gauge((await httpRequest(`http://127.0.0.1:${port}/metrics`)).body, 'connmeter_threads')).toBe(2);
  await end(child);
}, 60_000);

test('threads are in the sum without sharing, too', async () => {
  const { child, read, truth } = await threads({ CONNMETER_SHARE: 'false' });
  await run(child, '3 closing terminate');
  await run(child, '2 kept block');

  expect(await read()).toEqual(await truth());
  await end(child);
});

test('threads are in the sum at a port that the system chose, which the first event of a thread opens', async () => {
  const { asked, child, truth } = await threads({ OTEL_EXPORTER_PROMETHEUS_PORT: '0' });
  await run(child, '3 closing terminate');
  await run(child, '2 kept block');
  const said = await until(
    () => child.said.stderr,
    text => text.endsWith('\n'),
  );

  const [url = ''] = /http:\S+/.exec(said) ?? [];
  expect(countsIn((await httpRequest(url)).body, asked.port)).toEqual(await truth());
  child.writeLine('end');
  expect(await child.outcome).toMatchObject({ code: 0, stderr: said });
});

test('a thread whose main thread is not measured prints one line', async () => {
  const child = start(programPath('measured-thread.ts'), { args: [REGISTER.href] });

  expect(await child.outcome).toEqual({
    code: 0,
    stdout: '',
    stderr: 'connmeter: a worker thread is not measured: its main thread is not\n',
  });
});
