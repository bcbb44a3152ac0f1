import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { describe, expect, onTestFinished, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { expectAllClosed, expectConnectionCounts, nextTurn } from '../support/connection-counts.ts';
import { instrument } from '../support/instrument.ts';
import { server } from '../support/server.ts';

type Undici = typeof undici8;

/** All three versions have the same interface here, but their types are not compatible. */
const VERSIONS: [number, Undici][] = [
  [6, undici6 as unknown as Undici],
  [7, undici7 as unknown as Undici],
  [8, undici8],
];

const trusting = { rejectUnauthorized: false };

describe.each(VERSIONS)('undici %i', (_, { ProxyAgent, request }) => {
  /** A proxy agent that tunnels to the target, and a function that sends requests through it. */
  async function tunnel(proxyKind: 'http' | 'https', targetKind: 'http' | 'https') {
    const secure = { certificate: await certificate() };
    const proxy = await server({ kind: proxyKind, ...secure });
    const target = await server({ kind: targetKind, ...secure });
    const measured = instrument();
    const dispatcher = new ProxyAgent({
      uri: `${proxyKind}://localhost:${proxy.port}`, // undici requires a name for TLS,
      proxyTunnel: true,
      proxyTls: trusting,
      requestTls: trusting,
    });
    onTestFinished(() => dispatcher.destroy());
    const get = async (path: string) => {
      await (await request(`${targetKind}://127.0.0.1:${target.port}${path}`, { dispatcher })).body.text();
      await nextTurn();
    };
    return { proxy, target, dispatcher, get, ...measured };
  }

  describe.each([
    ['http', 'http'],
    ['http', 'https'],
    ['https', 'http'],
    ['https', 'https'],
  ] as const)('over an %s proxy to an %s target', (proxyKind, targetKind) => {
    test('the TCP connection counts at the proxy, and its requests at the target', async () => {
      const { proxy, target, dispatcher, get, read } = await tunnel(proxyKind, targetKind);

      for (let i = 0; i < 3; i++) await get('/');

      expect(await proxy.seen()).toMatchObject({ accepts: 1, connects: 1, requests: 0, open: 1 });
      expect(await target.seen()).toMatchObject({ accepts: 1, requests: 3 });
      await expectConnectionCounts(read, target.port, { fresh: 1, reused: 2 });
      expect((await read()).countsOf(proxy.port)).toMatchObject({
        opened: 1,
        closed: 0,
        failed: 0,
        active: 0,
        idle: 1,
      });

      await dispatcher.close();

      await expect.poll(proxy.seen).toMatchObject({ open: 0 });
      await expectAllClosed(read);
      expect((await read()).countsOf(proxy.port)).toMatchObject({ opened: 1, closed: 1, failed: 0 });
    });

    test('the tunnel is active during a request, and idle afterwards', async () => {
      const { proxy, target, get, read } = await tunnel(proxyKind, targetKind);
      await get('/');

      const slow = get('/slow');

      await expectConnectionCounts(read, target.port, { fresh: 1, reused: 1, requests: 1 });
      expect((await read()).countsOf(proxy.port)).toMatchObject({ opened: 1, active: 1, idle: 0, requests: 0 });

      await slow;

      await expectConnectionCounts(read, target.port, { fresh: 1, reused: 1 });
      expect((await read()).countsOf(proxy.port)).toMatchObject({ opened: 1, active: 0, idle: 1, requests: 0 });
      expect(await proxy.seen()).toMatchObject({ accepts: 1, open: 1 });
    });
  });

  test('a tunnel that is cut during a request closes once', async () => {
    const { proxy, target, get, read } = await tunnel('http', 'https');
    const hanging = get('/hang');
    await expect.poll(target.seen).toMatchObject({ requests: 1 });

    const cut = expect(hanging).rejects.toThrow();
    await proxy.drop();
    await cut;

    await expect.poll(proxy.seen).toMatchObject({ open: 0 });
    const { accepts } = await proxy.seen();
    await expectAllClosed(read);
    expect((await read()).countsOf(proxy.port)).toMatchObject({ opened: accepts, closed: accepts, failed: 0 });
    expect((await read()).countsOf(target.port)).toMatchObject({ opened: 0, fresh: 1, reused: 0, requests: 0 });
  });

  test('a refused tunnel is a failure at the proxy', async () => {
    const { proxy, target, get, read } = await tunnel('http', 'https');
    await proxy.stop();

    await expect(get('/')).rejects.toThrow();

    await expectConnectionCounts(read, proxy.port, { failed: 1 });
    await expectConnectionCounts(read, target.port, {});
  });
});
