// requests-with-secrets.ts <servers as JSON>: sends requests with every client, with a secret in every place that can hold
// one. Reports which clients got a response, and a snapshot. Runs with `--import connmeter/register`.
import { AsyncLocalStorage } from 'node:async_hooks';
import dns from 'node:dns';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { inspect } from 'node:util';
import { DiagConsoleLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { instrumentation } from '../../src/register.ts';

interface Servers {
  readonly http: number;
  readonly https: number;
  readonly http2: number;
  readonly proxy: number;
  readonly unix: string;
}

diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.ALL);
const servers = JSON.parse(process.argv[2] as string) as Servers;

let number = 0;
/** A unique secret, so that a leak shows its source. */
const secret = (where: string) => `S3CRET-${where}-${++number}`;

const headers = () => ({
  authorization: `Bearer ${secret('bearer')}`,
  cookie: `session=${secret('cookie')}`,
  'proxy-authorization': `Basic ${secret('proxy')}`,
  'x-api-key': secret('key'),
  [secret('header-name').toLowerCase()]: 'x',
});
const path = (at = '/') => `${at}?token=${secret('query')}&u=${secret('more')}#${secret('fragment')}`;
const place = () => `/${secret('path')}/${secret('id')}?q=${secret('query')}`;
const trusting = { rejectUnauthorized: false };

const done: string[] = [];
/** Runs a client; some are meant to fail. Its errors are not printed. */
async function as(client: string, run: () => Promise<unknown>): Promise<void> {
  await run().then(
    () => done.push(client),
    () => done.push(`${client} failed`),
  );
}

async function ofHttp(request: http.ClientRequest, read = true): Promise<void> {
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  if (read) await once(response.resume(), 'close');
}

const base = `http://127.0.0.1:${servers.http}`;
const secure = `https://localhost:${servers.https}`;

await new AsyncLocalStorage().run(secret('store'), async () => {
  await as('fetch', async () => {
    for (const at of [place(), path(), place()]) await (await fetch(base + at, { headers: headers() })).text();
    const post = { method: 'POST', headers: headers(), body: secret('body') };
    await (await fetch(base + path('/echo'), post)).text();
  });
  await as('fetch with userinfo', () => fetch(`http://user:${secret('userinfo')}@127.0.0.1:${servers.http}/`));
  await as('fetch given up', async () => {
    const controller = new AbortController();
    const asked = fetch(base + path('/hang'), { headers: headers(), signal: controller.signal });
    setTimeout(() => controller.abort(new Error(secret('reason'))), 50);
    await asked;
  });
  await as('fetch of a port that refuses', () => fetch(`http://127.0.0.1:1${place()}`, { headers: headers() }));
  await as('fetch of no protocol', () => fetch(`gopher://${secret('gopher')}/`));

  for (const [version, undici] of Object.entries({ 6: undici6, 7: undici7, 8: undici8 } as never as Record<
    string,
    typeof undici8
  >)) {
    await as(`undici ${version}`, async () => {
      const agent = new undici.Agent({ connect: trusting });
      for (const url of [base, secure]) {
        const { body } = await undici.request(url + place(), { dispatcher: agent, headers: headers() });
        await body.text();
      }
      await agent.close();
    });
    await as(`undici ${version} through a proxy`, async () => {
      for (const how of [
        { uri: `http://user:${secret('userinfo')}@localhost:${servers.proxy}` },
        { uri: `http://localhost:${servers.proxy}`, token: `Basic ${secret('token')}` },
      ]) {
        const dispatcher = new undici.ProxyAgent({ ...how, proxyTunnel: true, requestTls: trusting });
        const { body } = await undici.request(secure + place(), { dispatcher, headers: { 'x-key': secret('key') } });
        await body.text();
        await dispatcher.close();
      }
    });
    await as(`undici ${version} over a Unix socket`, async () => {
      const client = new undici.Client('http://localhost', { socketPath: servers.unix });
      const { body } = await client.request({ path: place(), method: 'GET', headers: headers() });
      await body.text();
      await client.close();
    });
    await as(`undici ${version} destroyed`, async () => {
      const client = new undici.Client(base);
      const asked = client.request({ path: path('/hang'), method: 'GET', headers: headers() });
      setTimeout(() => client.destroy(new Error(secret('reason'))), 50);
      await asked;
    });
  }

  await as('node:http', async () => {
    const agent = new http.Agent({ keepAlive: true });
    for (let i = 0; i < 3; i++) {
      await ofHttp(http.request(base + place(), { agent, headers: headers(), auth: `user:${secret('auth')}` }));
    }
    await ofHttp(http.request(`http://user:${secret('userinfo')}@127.0.0.1:${servers.http}${path()}`, { agent }));
    await ofHttp(http.request({ socketPath: servers.unix, path: place(), headers: headers() }));
    agent.destroy();
  });
  await as('node:https', async () => {
    const agent = new https.Agent({ keepAlive: true, ...trusting, passphrase: secret('passphrase') });
    await ofHttp(https.request(secure + place(), { agent, headers: headers(), servername: 'localhost' }));
    agent.destroy();
  });
  await as('node:http through a proxy', async () => {
    const options = { port: servers.proxy, method: 'CONNECT', path: `localhost:${servers.https}`, headers: headers() };
    const connect = http.request({ host: '127.0.0.1', ...options }).end();
    const [, socket] = (await once(connect, 'connect')) as [unknown, net.Socket];
    const inner = tls.connect({ socket, servername: 'localhost', ...trusting });
    await ofHttp(
      http.request(secure + place(), { protocol: 'http:', createConnection: () => inner, headers: headers() }),
    );
    inner.destroy();
  });
  await as('node:http, a proxy by its options', async () => {
    const proxyEnv = { HTTP_PROXY: `http://user:${secret('userinfo')}@127.0.0.1:${servers.proxy}` };
    const agent = new http.Agent({ proxyEnv } as http.AgentOptions);
    await ofHttp(http.request(base + place(), { agent, headers: headers() }));
    agent.destroy();
  });
  await as('node:http with unusual answers', async () => {
    const answer = net.createServer(socket =>
      socket
        .on('error', () => {})
        .once('data', () => {
          const more = `Set-Cookie: a=${secret('set-cookie')}\r\nLocation: http://u:${secret('location')}@a.test/\r\n`;
          socket.end(`HTTP/1.1 302 ${secret('reason-phrase')}\r\n${more}Keep-Alive: ${secret('keep-alive')}\r\n\r\n`);
        }),
    );
    await once(answer.listen(0, '127.0.0.1'), 'listening');
    const { port } = answer.address() as net.AddressInfo;
    await ofHttp(http.request(`http://127.0.0.1:${port}${place()}`, { headers: headers() }));
    await (await fetch(`http://127.0.0.1:${port}${place()}`, { redirect: 'manual' })).text();
    answer.close();
  });

  await as('node:http2', async () => {
    const session = http2.connect(`https://localhost:${servers.http2}`, trusting);
    for (let i = 0; i < 2; i++) {
      const stream = session.request({ ':path': place(), ':authority': `localhost:${servers.http2}`, ...headers() });
      await once(stream.end().resume(), 'end');
    }
    session.close();
  });

  // Common mistakes: a URL instead of a host, a secret in an error or in the name of a script.
  const slip = (options: net.NetConnectOpts) => async () => {
    const socket = net.connect(options);
    await new Promise((_, reject) => socket.on('error', reject));
  };
  await as('a URL for a host', slip({ host: `redis://:${secret('password')}@redis.invalid:6379`, port: 1 }));
  await as('a URL for a path', slip({ path: `redis://:${secret('password')}@redis.invalid:6379` }));
  await as('userinfo for a host', slip({ host: `admin:${secret('password')}@db.invalid`, port: 1 }));
  await as('a lookup of a URL', async () => {
    await dns.promises.lookup(`postgres://u:${secret('password')}@db.invalid/x`);
  });
  await as('an error that tells', async () => {
    const lookup = (_: string, __: unknown, callback: (error: Error) => void) =>
      callback(Object.assign(new Error(secret('message')), { code: `no ${secret('code')}`, syscall: 'getaddrinfo' }));
    await ofHttp(
      http.request({ host: 'a.test', port: 80, path: place(), lookup: lookup as never, headers: headers() }),
    );
  });
  await as('an error for a close', async () => {
    const socket = net.connect(servers.http, '127.0.0.1');
    await once(socket, 'connect');
    const failed = new Promise((_, reject) => socket.on('error', reject));
    socket.destroy(Object.assign(new Error(secret('message')), { name: secret('name'), cause: secret('cause') }));
    await failed;
  });

  // A pool per request, from a script with a secret in its name, so that call-site warnings are printed.
  await as('a pool a request', async () => {
    const script = `export default (http, options) => new Promise((done, fail) => http.get({ ...options, agent: new http.Agent() },
      response => response.resume().on('close', done)).on('error', fail)); const key = '${secret('source')}';`;
    const { default: wasteful } = await import(`data:text/javascript,${encodeURIComponent(script)}`);
    // Its own server, because call sites of a server with many pools are not examined any more.
    const wasted = http.createServer((_, response) => response.end()).listen(0, '127.0.0.1');
    await once(wasted, 'listening');
    const { port } = wasted.address() as net.AddressInfo;
    for (let i = 0; i < 6; i++) await wasteful(http, { host: '127.0.0.1', port, path: place(), headers: headers() });
    wasted.close();
  });
});

// Held bodies, and connections that are open when the metrics are read. Two collections, half a second apart, have to see
// a held body before its call site is examined.
const holding = () => fetch(base + path('/large'), { headers: headers() });
const held: unknown[] = [await holding()];
for (const wanted of [0, 1]) {
  const found = () =>
    instrumentation?.connections.snapshot().callSites.filter(({ problem }) => problem === 'body_held');
  for (const deadline = Date.now() + 40_000; Date.now() < deadline; ) {
    process.send?.('scrape');
    await once(process, 'message');
    if (wanted === 0 && instrumentation?.connections.snapshot().live.some(({ heldFor }) => heldFor !== undefined))
      break;
    if (wanted === 1 && found()?.length) break;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  if (wanted === 0) held.push(await holding());
}
const snapshot = instrumentation?.connections.snapshot();
console.log(inspect(snapshot, { depth: null, showHidden: true, maxStringLength: null, maxArrayLength: null }));
console.log(inspect(instrumentation, { depth: 3, getters: true }));
process.send?.({ done, snapshot: JSON.stringify(snapshot) });
await once(process, 'message');
process.exit();
