import http from 'node:http';
import type { LookupFunction } from 'node:net';
import { basic } from './basic.ts';
import { readAll, type Scenario } from './scenario.ts';

let visited = 0;

/** Resolves every name to this machine, without a DNS server. */
const toLoopback: LookupFunction = (_name, { all }, callback) => {
  if (all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};

const nextUrl = (url: string) => url.replace('127.0.0.1', `host-${visited++ % 500}.test`);

export const scenario: Scenario = {
  description: 'A crawler requests each of 500 host names twice, 50 at a time, with keep-alive off.',

  wasteful: {
    calls: 1_000,
    concurrency: 50,
    agent: () => new http.Agent({ keepAlive: false, lookup: toLoopback }),
    http: (url, agent) => readAll(http.get(nextUrl(url), { agent })),
    dispatcher: ({ Agent }) => new Agent({ connect: { lookup: toLoopback }, pipelining: 0 }),
    undici: (url, undici, dispatcher) => basic.undici(nextUrl(url), undici, dispatcher),
  },

  fixed: {
    calls: 1_000,
    concurrency: 50,
    agent: () => new http.Agent({ keepAlive: true, lookup: toLoopback }),
    http: (url, agent) => readAll(http.get(nextUrl(url), { agent })),
    dispatcher: ({ Agent }) => new Agent({ connect: { lookup: toLoopback } }),
    undici: (url, undici, dispatcher) => basic.undici(nextUrl(url), undici, dispatcher),
  },
};
