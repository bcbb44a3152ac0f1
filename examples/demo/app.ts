// The demo program: callers of every kind, side by side, each at its own steady pace. start.ts runs it as
// `node --import connmeter/register app.ts`: its metrics take nothing in here. What it does here is one thing more, which
// no program has to: it hands out what connmeter knows of its connections.
import { instrumentation } from 'connmeter/register';
import * as callers from './callers.ts';
import { stayWithParent } from './stay-with-parent.ts';
import type { CallerName } from './upstreams.ts';

stayWithParent();

interface Pace {
  readonly call: (url: string) => Promise<void>;
  readonly perSecond: number;
}

const program: Record<CallerName, Pace> = {
  'shared pool': { call: callers.sharedPool, perSecond: 20 },
  'shared pool, HTTPS': { call: callers.sharedPoolHttps, perSecond: 20 },
  'body never read': { call: callers.bodyNeverRead, perSecond: 4 },
  'client per request': { call: callers.clientPerRequest, perSecond: 5 },
  'keep-alive off': { call: callers.keepAliveOff, perSecond: 5 },
  'server keep-alive of 1 s': { call: callers.serverKeepAliveTooShort, perSecond: 5 },
  'Connection: close': { call: callers.connectionClose, perSecond: 5 },
  'port refused': { call: callers.portRefused, perSecond: 2 },
  'name not found': { call: callers.nameNotFound, perSecond: 2 },
  'certificate expired': { call: callers.certificateExpired, perSecond: 2 },
};

/** Calls at a steady pace, one call at a time: a slow answer must not become a heap of requests. */
function repeat({ call, perSecond }: Pace, url: string): void {
  let busy = false;
  setInterval(async () => {
    if (busy) return;

    busy = true;
    await call(url).catch(() => {}); // some are here to fail; the metrics tell
    busy = false;
  }, 1000 / perSecond);
}

const urls = JSON.parse(process.argv[2] as string) as Record<CallerName, string>;
for (const name of Object.keys(program) as CallerName[]) repeat(program[name], urls[name]);
process.on('message', () => process.send?.(instrumentation?.connections.snapshot()));
process.send?.('running');
