import http from 'node:http';
import type { LookupFunction } from 'node:net';
import { plain } from './plain.ts';
import { readAll, type Scenario } from './scenario.ts';

let visited = 0;

/** Every name is here: no network is asked. */
const here: LookupFunction = (_name, { all }, callback) => {
  if (all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};

const nextUrl = (url: string) => url.replace('127.0.0.1', `host-${visited++ % 500}.test`);

export const scenario: Scenario = {
  about: 'A crawler asks each of 500 names twice, 50 at a time, with keep-alive off.',

  wasteful: {
    calls: 1_000,
    atOnce: 50,
    agent: () => new http.Agent({ keepAlive: false, lookup: here }),
    http: (url, agent) => readAll(http.get(nextUrl(url), { agent })),
    dispatcher: ({ Agent }) => new Agent({ connect: { lookup: here }, pipelining: 0 }),
    undici: (url, undici, dispatcher) => plain.undici(nextUrl(url), undici, dispatcher),
  },

  cured: {
    calls: 1_000,
    atOnce: 50,
    agent: () => new http.Agent({ keepAlive: true, lookup: here }),
    http: (url, agent) => readAll(http.get(nextUrl(url), { agent })),
    dispatcher: ({ Agent }) => new Agent({ connect: { lookup: here } }),
    undici: (url, undici, dispatcher) => plain.undici(nextUrl(url), undici, dispatcher),
  },
};
