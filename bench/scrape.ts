import { fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from '../test/support/free-port.ts';
import { environmentOf, type MetricsServer, nodeArguments } from './metrics-servers.ts';
import { MANY_ORIGINS, USUAL_ORIGINS } from './results.ts';
import type { BlocksAnswer, CpuAnswer, Question } from './scrape-server.ts';
import { spreadOf } from './statistics.ts';

export interface ScrapeTask {
  readonly variant: MetricsServer;
  readonly origins: number;
  /** How many turns, each of one scrape as Node.js sends it and one compressed. */
  readonly scrapes: number;
}

/** Milliseconds, of the process that is scraped. */
export interface ScrapeResult {
  readonly series: number;
  /** CPU time of a scrape, as Node.js sends it and compressed. All threads count. The same if the server does not compress. */
  readonly cpu: number;
  readonly gzipCpu: number;
  /** CPU time of 48 scrapes at once, compressed. Left out if it would take too long. */
  readonly manyCpu?: number;
  /** How long a scrape keeps the event loop busy at a time, and 48 at once: the quarter of the scrapes that was disturbed least. */
  readonly piece: number;
  readonly manyPiece?: number;
  /** Bytes of a response, with its headers. */
  readonly bytes: number;
  readonly gzipBytes: number;
}

/** As many as connmeter answers at once: it keeps twelve connections. */
export const MANY = 48;
/** connmeter closes a connection with more requests that are not answered. */
const PIPELINED = 4;
/** Until the code of a scrape is compiled: so many series. */
const WARM_UP = 1_000_000;

/** Scrapes a fresh process that serves the metrics, again and again, with pauses so long that each scrape is a new collection. */
export async function* scrape({ variant, origins, scrapes }: ScrapeTask): AsyncGenerator<Partial<ScrapeResult>> {
  const port = await freePort();
  const server = fork(`${import.meta.dirname}/scrape-server.ts`, [variant, `${origins}`], {
    execArgv: nodeArguments(variant),
    env: environmentOf(origins, port),
  });
  const ask = async <Answer>(question: Question): Promise<Answer> => {
    server.send(question);
    const [answer] = await once(server, 'message');
    return answer as Answer;
  };
  const pause = () => wait(variant === 'connmeter' ? pauseAfter(origins) : PAUSE);
  const cpuOf = async (run: () => Promise<unknown>) => {
    const before = await ask<CpuAnswer>('cpu');
    await run();
    await pause();
    const after = await ask<CpuAnswer>('cpu');
    return after.cpu - before.cpu;
  };
  const blocksOf = async (count: number, run: () => Promise<unknown>) => {
    const blocks: BlocksAnswer[] = [];
    for (let i = 0; i < count; i++) {
      await ask<BlocksAnswer>('blocks');
      await run();
      blocks.push(await ask<BlocksAnswer>('blocks'));
      await pause();
    }
    return spreadOf(blocks.map(({ longest }) => longest)).low;
  };
  try {
    await once(server, 'message');
    const one = () => get(port, 1, '');
    const compressed = () => get(port, 1, 'Accept-Encoding: gzip\r\n');
    const many = () => get(port, MANY, 'Accept-Encoding: gzip\r\n');
    const [plain, gzip] = [await one(), await compressed()];
    await pause();
    const series = linesOf(String(plain));
    // At 70,000 series, the others take half a minute for 50 scrapes.
    const isQuick = variant === 'connmeter' || variant === 'ready';
    for (let i = 0; i < Math.min(100, WARM_UP / series); i++) await (i % 2 === 0 ? one() : compressed()).then(pause);
    if (isQuick) await many().then(pause);

    yield { series, bytes: plain.length, gzipBytes: gzip.length };

    const times = isQuick ? 3 : origins < MANY_ORIGINS ? 1 : 0;
    for (let turn = 0; turn < scrapes; turn++) yield { cpu: await cpuOf(one), gzipCpu: await cpuOf(compressed) };
    for (let turn = 0; turn < times; turn++) yield { manyCpu: await cpuOf(many) };
    await ask<BlocksAnswer>('watch');
    yield { piece: await blocksOf(scrapes, one) };
    if (times > 0) yield { manyPiece: await blocksOf(times, many) };
  } finally {
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  }
}

/** Of the others, which collect for each request. In milliseconds. */
const PAUSE = 50;

/** A collection of connmeter may take a twentieth of the time; if it took more, the last text would be sent again. */
function pauseAfter(origins: number): number {
  return origins >= MANY_ORIGINS ? 1_200 : origins >= USUAL_ORIGINS ? 250 : 60;
}

/** Sends so many requests at once, on as few connections as connmeter allows, and returns all that comes back. */
async function get(port: number, count: number, headers: string): Promise<Buffer> {
  const connections: Promise<Buffer>[] = [];
  for (let left = count; left > 0; left -= PIPELINED)
    connections.push(answers(port, Math.min(left, PIPELINED), headers));
  const all = Buffer.concat(await Promise.all(connections));
  const answered = all.toString('latin1').split('HTTP/1.1 200').length - 1;
  if (answered !== count) throw new Error(`${answered} answers to ${count} requests`);
  return all;
}

async function answers(port: number, count: number, headers: string): Promise<Buffer> {
  const request = (more: string) => `GET /metrics HTTP/1.1\r\nHost: localhost\r\n${headers}${more}\r\n`;
  const socket = net.connect(port, '127.0.0.1');
  const pieces: Buffer[] = [];
  socket.on('data', piece => pieces.push(piece));
  socket.write(request('').repeat(count - 1) + request('Connection: close\r\n'));
  await once(socket, 'close');
  return Buffer.concat(pieces);
}

function linesOf(response: string): number {
  return response.split('\n').filter(line => /^[a-z]\w*(?:\{.*\})? [^ ]+$/.test(line)).length;
}
