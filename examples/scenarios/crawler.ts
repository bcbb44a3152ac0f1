import http from 'node:http';
import type { LookupFunction } from 'node:net';
import { basic } from './basic.ts';
import { readAll, type Scenario } from './scenario.ts';

const HOSTS = 200; // more than connmeter distinguishes

/** Resolves every name to this machine, without a DNS server. */
const toLoopback: LookupFunction = (_name, { all }, callback) => {
  if (all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};

const urlOf = (url: string, index: number) => url.replace('127.0.0.1', `host-${index % HOSTS}.test`);

export const scenario: Scenario = {
  description: 'A crawler requests each of 200 host names twice, with keep-alive off.',

  wasteful: {
    calls: 2 * HOSTS,
    callsAreShared: true,
    agent: () => new http.Agent({ keepAlive: false, lookup: toLoopback }),
    http: (url, agent, index) => readAll(http.get(urlOf(url, index), { agent })),
    dispatcher: ({ Agent }) => new Agent({ connect: { lookup: toLoopback }, pipelining: 0 }),
    undici: (url, undici, dispatcher, index) => basic.undici(urlOf(url, index), undici, dispatcher),
  },

  fixed: {
    calls: 2 * HOSTS,
    callsAreShared: true,
    agent: () => new http.Agent({ keepAlive: true, lookup: toLoopback }),
    http: (url, agent, index) => readAll(http.get(urlOf(url, index), { agent })),
    dispatcher: ({ Agent }) => new Agent({ connect: { lookup: toLoopback } }),
    undici: (url, undici, dispatcher, index) => basic.undici(urlOf(url, index), undici, dispatcher),
  },
};
