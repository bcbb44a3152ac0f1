// undici features: pipelining, a pool, retries, redirects, dns, cache and dump, connect functions.
import http from 'node:http';
import { Agent, buildConnector, Client, interceptors, Pool } from 'undici';
import { describeError, listen, print, printEvents } from '../program-helpers.ts';

let asked = 0;
const server = http.createServer((request, response) => {
  if (request.url === '/flaky' && asked++ === 0) return response.writeHead(503, { 'retry-after': '0' }).end();
  if (request.url === '/moved') return response.writeHead(301, { location: '/end' }).end();
  response.setHeader('cache-control', 'max-age=60').end(request.url);
});
const port = await listen(server);
const origin = `http://localhost:${port}`;
const get = async (dispatcher: Agent | Client | Pool | ReturnType<Agent['compose']>, path: string) => {
  const { statusCode, body } = await dispatcher.request({ origin, path, method: 'GET' });
  return `${statusCode} ${await body.text()}`;
};
const pipelining = new Client(origin, { pipelining: 3 });
printEvents('client', pipelining, 'drain');
print(await Promise.all(['/a', '/b', '/c', '/d'].map(path => get(pipelining, path))), pipelining.stats.connected);
const pool = new Pool(origin, { connections: 2 });
print(await Promise.all(['/a', '/b', '/c'].map(path => get(pool, path))));
const { retry, redirect, dns, cache, dump } = interceptors;
const agent = new Agent().compose(retry({ minTimeout: 1 }), redirect({ maxRedirections: 2 }), dns(), cache());
for (const path of ['/flaky', '/moved', '/cached', '/cached']) print(await get(agent, path));
print(await get(new Agent().compose(dump()), '/dumped'));
const connector = buildConnector({});
const own = new Client(origin, { connect: (options, done) => void setImmediate(() => connector(options, done)) });
print(await get(own, '/own'));
const failing = new Client(origin, { connect: (_, done) => done(new Error('no way'), null) });
printEvents('failing', failing, 'connectionError');
await get(failing, '/').catch(error => print(describeError(error)));
await Promise.all([pipelining, pool, agent, own, failing].map(each => each.destroy()));
