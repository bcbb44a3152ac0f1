import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo, type LookupFunction } from 'node:net';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { expect, onTestFinished, test } from 'vitest';
import { expectAllClosed } from '../support/connection-counts.ts';
import { instrument, type Readings } from '../support/instrument.ts';
import { STATES, tcpSockets } from '../support/kernel.ts';
import { NO_SUCH_NAME, server } from '../support/server.ts';
import { until } from '../support/until.ts';

const PATIENCE = 120_000; // takes seconds on an idle machine
const WITHIN = 60_000;
const UNDICIS = [undici6 as unknown as typeof undici8, undici7 as unknown as typeof undici8, undici8];

/** Connections to this port of 127.0.0.1 that the kernel holds established, seen from the client. */
function establishedTo(port: number): number {
  return tcpSockets().filter(
    ({ remoteAddress, remotePort, state }) =>
      remoteAddress === '0100007F' && remotePort === port && state === STATES.established,
  ).length;
}

/** Runs `each` that many times, 50 at a time, and returns how many runs failed. */
async function doAll(count: number, each: (i: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  let failed = 0;
  const worker = async () => {
    while (next < count) {
      try {
        await each(next++);
      } catch {
        failed++;
      }
    }
  };
  await Promise.all(Array.from({ length: 50 }, worker));
  return failed;
}

function asked(url: string, options: http.RequestOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, options, answer => answer.on('error', reject).on('close', resolve).resume());
    request.on('error', reject);
  });
}

/** Agents of undici 6, 7 and 8, destroyed after the test. */
function undiciAgents(lookup?: LookupFunction) {
  return UNDICIS.map(({ Agent, request }) => {
    const agent = new Agent(lookup ? { connect: { lookup } } : {});
    onTestFinished(() => agent.destroy());
    return async (url: string, signal?: AbortSignal) => {
      const { body } = await request(url, { dispatcher: agent, ...(signal ? { signal } : {}) });
      await body.text();
    };
  });
}

const addresses = (readings: Readings) =>
  new Set(readings.points('connmeter.connection.opened').map(({ attributes }) => attributes['server.address']));
const openNow = (readings: Readings) =>
  readings.value('connmeter.connection.opened') - readings.value('connmeter.connection.closed');

test(
  'a crawl of 600 host names yields 100 named origins and _OTHER, and every accepted connection is counted',
  async () => {
    const { port, seen } = await server({ kind: 'http' });
    const { read } = instrument();
    const ownLookup: LookupFunction = (_name, { all }, callback) =>
      all ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4);
    const agents = undiciAgents(ownLookup);

    const failed = await doAll(600, i => {
      const url = `http://host-${i}.test:${port}/close`;
      const byUndici = agents[i % 4];
      return byUndici === undefined ? asked(url, { agent: false, lookup: ownLookup }) : byUndici(url);
    });

    expect(failed).toBe(0);
    await expectAllClosed(read);
    const readings = await read();
    expect(readings.value('connmeter.connection.opened')).toBe((await seen()).accepts);
    expect(readings.value('connmeter.requests')).toBe(600);
    expect(addresses(readings).size).toBe(101);
    expect(addresses(readings)).toContain('_OTHER');
  },
  PATIENCE,
);

test(
  'a crawl of 300 ports yields 100 named ports and _OTHER',
  async () => {
    const { read } = instrument();
    let accepts = 0;
    const ports = await Promise.all(
      Array.from({ length: 300 }, async () => {
        const listening = net.createServer(socket => {
          accepts++;
          socket.on('error', () => {}).end();
        });
        onTestFinished(() => void listening.close());
        await once(listening.listen(0, '127.0.0.1'), 'listening');
        return (listening.address() as AddressInfo).port;
      }),
    );

    await doAll(600, i => once(net.connect(ports[i % 300] as number, '127.0.0.1').resume(), 'close'));

    await expectAllClosed(read);
    const readings = await read();
    const named = new Set(
      readings.points('connmeter.connection.opened').map(({ attributes }) => attributes['server.port']),
    );
    expect(named.size).toBe(101);
    expect(readings.value('connmeter.connection.opened')).toBe(600);
    expect(accepts).toBe(600);
  },
  PATIENCE,
);

test(
  'the open-connection count matches the kernel while a client keeps connections open, and returns to zero',
  async () => {
    const { port } = await server({ kind: 'http', keepAliveTimeout: 600_000 });
    const { read } = instrument();
    const agent = new http.Agent({ keepAlive: true, maxFreeSockets: 10_000, timeout: 0 });
    const plain: net.Socket[] = [];
    onTestFinished(() => {
      agent.destroy();
      for (const socket of plain) socket.destroy();
    });

    await Promise.all([
      ...Array.from({ length: 500 }, () => asked(`http://127.0.0.1:${port}/late`, { agent })),
      ...Array.from({ length: 500 }, async () => {
        const socket = net.connect(port, '127.0.0.1').on('error', () => {});
        plain.push(socket);
        await once(socket, 'connect');
      }),
    ]);

    const opened = await until(read, readings => readings.countsOf(port).idle === 500, WITHIN);
    expect(establishedTo(port)).toBe(1_000);
    expect(openNow(opened)).toBe(1_000);

    agent.destroy();
    for (const socket of plain) socket.destroy();
    await until(
      () => establishedTo(port),
      left => left === 0,
      WITHIN,
    );
    await expectAllClosed(read);
  },
  PATIENCE,
);

test(
  'after 600 aborted requests the gauges match the kernel and no request is active',
  async () => {
    const { port, seen } = await server({ kind: 'http' });
    const { read } = instrument();
    const agent = new http.Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const agents = undiciAgents();
    const paths = ['/hang', '/late', '/slow', '/large'];

    const failed = await doAll(600, i => {
      const url = `http://127.0.0.1:${port}${paths[i % 4]}`;
      const signal = AbortSignal.timeout(i % 15);
      const byUndici = agents[i % 5];
      if (byUndici !== undefined) return byUndici(url, signal);
      return i % 5 === 3 ? asked(url, { agent, signal }) : fetch(url, { signal }).then(answer => answer.text());
    });
    agent.destroy();

    expect(failed).toBeGreaterThan(300);
    await until(read, readings => readings.countsOf(port).requests === 0, WITHIN);
    const inOurs = async () => openNow(await read()) - establishedTo(port); // idle connections stay open
    await until(inOurs, more => more === 0, WITHIN);
    const { opened, failed: givenUp } = (await read()).countsOf(port);
    expect(opened + givenUp).toBe((await seen()).accepts);
  },
  PATIENCE,
);

test(
  'each of 1,000 failing lookups is counted and none stays pending',
  async () => {
    const { read } = instrument();
    const ownLookup: LookupFunction = (name, _options, callback) => {
      const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), {
        code: 'ENOTFOUND',
        syscall: 'getaddrinfo',
      });
      process.nextTick(callback, error, '', 4);
    };
    const agents = undiciAgents(ownLookup);

    const failed = await doAll(1_000, i => {
      if (i % 10 === 0) return asked(`http://${NO_SUCH_NAME}/`, { agent: false }); // uses the real resolver
      const url = `http://name-${i}.test/`;
      const byUndici = agents[i % 4];
      return byUndici === undefined ? asked(url, { agent: false, lookup: ownLookup }) : byUndici(url);
    });

    expect(failed).toBe(1_000);
    const readings = await until(read, seen => seen.value('connmeter.connection.failed') === 1_000, WITHIN);
    expect(readings.value('connmeter.connection.failed', { 'connmeter.phase': 'dns', 'error.type': 'ENOTFOUND' })).toBe(
      1_000,
    );
    expect(readings.value('dns.lookup.duration')).toBe(1_000);
    // The resolver may still work for a socket that has given up.
    await until(read, seen => seen.value('connmeter.dns.pending') === 0, WITHIN);
    expect(readings.points('dns.lookup.duration').length).toBeLessThanOrEqual(101);
  },
  PATIENCE,
);

test(
  '2,000 names looked up without a connection yield 25 named series and _OTHER',
  async () => {
    const { read } = instrument();
    // 127.0.0.1 and the following addresses as one number: Node takes it for a name and resolves it without a DNS query.
    const first = 0x7f_00_00_01;

    await doAll(2_000, i => lookup(String(first + i)));

    const readings = await until(read, seen => seen.value('dns.lookup.duration') >= 2_000, WITHIN);
    expect(readings.value('dns.lookup.duration')).toBe(2_000);
    expect(readings.points('dns.lookup.duration')).toHaveLength(26);
  },
  PATIENCE,
);
