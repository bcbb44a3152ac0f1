// The demo program: it runs all callers side by side, each at a steady rate. start.ts runs it as
// `node --import connmeter/register app.ts`, so the metrics need no code here. Only the snapshot does: this program sends it to
// start.ts, which prints it.
import { instrumentation } from 'connmeter/register';
import * as callers from './callers.ts';
import { exitWithParent } from './exit-with-parent.ts';
import type { CallerName } from './servers.ts';

exitWithParent();

interface Caller {
  readonly call: (url: string) => Promise<void>;
  readonly perSecond: number;
}

const program: Record<CallerName, Caller> = {
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

/** Calls at a steady rate. It skips a call while the previous one runs, so that slow responses do not pile up. */
function repeat({ call, perSecond }: Caller, url: string): void {
  let busy = false;
  setInterval(async () => {
    if (busy) return;

    busy = true;
    await call(url).catch(() => {}); // some callers fail on purpose, and the metrics show it
    busy = false;
  }, 1000 / perSecond);
}

const urls = JSON.parse(process.argv[2] as string) as Record<CallerName, string>;
for (const name of Object.keys(program) as CallerName[]) repeat(program[name], urls[name]);
process.on('message', () => process.send?.(instrumentation?.connections.snapshot()));
process.send?.('running');
